// npm run typeorm -- <command>: TypeORM's own command line on this application's data source.
import { createRequire } from 'node:module'
import { join } from 'node:path'

process.argv.push('-d', join(import.meta.dirname, '../src/data-source.ts'))
createRequire(import.meta.url)('typeorm/cli.js')
