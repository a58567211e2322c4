// The part of Heroku's Platform API that the runbook calls: config vars of an app.
// Who may call it is in `netrc`, as curl reads it.
//   PATCH /apps/<app>/config-vars   {"NAME": "value", "OTHER": null}
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { type IncomingMessage, createServer } from 'node:http'
import { dirname, join } from 'node:path'
import { type Order, askHost, readAddress } from '../shared/host/control-client.ts'
import { needed } from '../shared/host/host.ts'

const word = randomBytes(24).toString('hex')
const machine = dirname(needed('RELEASES'))
const credentials = `Basic ${Buffer.from(`sandbox:${word}`).toString('base64')}`
const netrc = `machine 127.0.0.1 login sandbox password ${word}\n`
writeFileSync(join(needed('RUNBOOK_SERVICE_DIR'), 'netrc'), netrc, { mode: 0o600 })

async function answer(request: IncomingMessage): Promise<[number, unknown]> {
  if (request.url === '/-/ready') return [200, {}]
  const app = /^\/apps\/([^/]+)\/config-vars$/.exec(request.url ?? '')?.[1]
  if (request.headers.authorization !== credentials) return [401, { id: 'unauthorized' }]
  if (!(request.headers.accept ?? '').includes('version=3')) return [404, { id: 'not_found' }]
  if (app === undefined || request.method !== 'PATCH') return [404, { id: 'not_found' }]
  const chunks: Buffer[] = []
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
  const set = JSON.parse(Buffer.concat(chunks).toString('utf8')) as Record<string, string | null>
  const host = readAddress(machine)
  if (host === undefined) return [503, { id: 'unavailable' }]
  const order = (one: Order) => askHost(host, one)
  const { units } = await order({ act: 'env', unit: app, set })
  // A change of the config is a release, and starts the app anew.
  await order({ act: 'restart', unit: app })
  return [200, units.find(({ id }) => id === app)?.env ?? {}]
}

createServer((request, response) => {
  void answer(request)
    .catch((error: unknown): [number, unknown] => [
      422,
      { id: 'invalid_params', message: (error as Error).message },
    ])
    .then(([status, body]) => {
      response.writeHead(status, { 'content-type': 'application/json' })
      response.end(JSON.stringify(body))
    })
}).listen(Number(needed('PORT')), '127.0.0.1')
