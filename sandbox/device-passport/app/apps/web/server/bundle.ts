// What the browser loads, measured where it lies: run within the image of the web
// application, `node apps/web/server/bundle.js`. The answer is JSON, sizes in bytes.
import { readFileSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

const dist = join(import.meta.dirname, '../dist')
const page = readFileSync(join(dist, 'index.html'), 'utf8')
const files = readdirSync(join(dist, 'assets'))
const size = (name: string): number => statSync(join(dist, 'assets', name)).size
const atOnce = files.filter((name) => page.includes(`/assets/${name}`))
const entry = atOnce.find((name) => name.startsWith('index-'))

process.stdout.write(
  JSON.stringify({
    main: entry === undefined ? -1 : size(entry),
    at_once: atOnce.reduce((sum, name) => sum + size(name), 0),
    vendor: atOnce.filter((name) => name.startsWith('vendor-')).length,
    // Loaded when a page is wanted, and not before.
    later: files.filter((name) => !atOnce.includes(name)).length,
  }) + '\n',
)
