// Serves the built web application, as nginx would: files with a digest in their name
// for ever, the page itself never without asking again.
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { extname, join } from 'node:path'
import type { Reply, Route } from '../../../../../shared/kit/http.ts'
import { openLog } from '../../../../../shared/kit/log.ts'
import { readRelease } from '../../../../../shared/kit/release.ts'
import { makeServer, serve } from '../../../../../shared/kit/server.ts'

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
}

const dist = join(import.meta.dirname, '../dist')
const release = readRelease(new URL('../../../release.json', import.meta.url), {})
const log = openLog(process.env['LOG_FILE'])
const get = (path: string, reply: Reply): Route => ({
  method: 'GET',
  path,
  handle: () => Promise.resolve(reply),
})
const file = (name: string, cache: string): Reply => ({
  status: 200,
  text: readFileSync(join(dist, name), 'utf8'),
  type: TYPES[extname(name)] ?? 'application/octet-stream',
  headers: { 'cache-control': cache },
})

const assets = existsSync(join(dist, 'assets')) ? readdirSync(join(dist, 'assets')) : []
const routes = [
  get('/', file('index.html', 'no-cache')),
  ...assets.map((name) =>
    get(`/assets/${name}`, file(`assets/${name}`, 'public, max-age=31536000, immutable')),
  ),
  get('/version', { status: 200, json: { version: release.version } }),
]
const headers = { 'strict-transport-security': 'max-age=31536000; includeSubDomains' }
serve(makeServer({ routes, log, headers, compress: true }), {
  host: process.env['HOST'] ?? '127.0.0.1',
  port: Number(process.env['PORT'] ?? 3000),
  log,
  version: release.version,
  close: () => Promise.resolve(),
})
