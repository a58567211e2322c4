// migration.ts run | revert [--to NAME] | show
// Applies what is pending; takes back the newest, or all that came after NAME; lists
// what is applied ([X]) and what is not ([ ]). DATABASE_URL is that of the owner;
// SCRATCH_DATABASE names another database on the same server.
import { join } from 'node:path'
import pg from 'pg'
import {
  migrate,
  readMigrations,
  revert,
  tableOfRecords,
} from '../../../../../shared/kit/migrations.ts'

const [command = '', flag, to] = process.argv.slice(2).filter((word) => word !== '--')
const { DATABASE_URL: url = '', SCRATCH_DATABASE: scratch = '' } = process.env
if (!['run', 'revert', 'show'].includes(command) || url === '') {
  process.stderr.write('usage: DATABASE_URL=… migration.ts run | revert [--to NAME] | show\n')
  process.exit(2)
}
const say = (line: string): boolean => process.stdout.write(`${line}\n`)

const all = readMigrations(join(import.meta.dirname, '../migrations'))
const records = tableOfRecords('migrations')
const at = new URL(url)
if (scratch !== '') at.pathname = `/${scratch}`
const client = new pg.Client({ connectionString: at.href })
await client.connect()
try {
  const applied = await records.applied(client)
  const pending = all.filter(({ name }) => !applied.includes(name))
  if (command === 'show') {
    for (const { name } of all) say(`[${applied.includes(name) ? 'X' : ' '}] ${name}`)
  } else if (command === 'run') {
    for (const one of pending) {
      await migrate(client, records, one)
      say(`applied ${one.name}`)
    }
    say(`${pending.length} migrations applied`)
  } else {
    const newest = [...applied].reverse()
    const until = flag === '--to' ? newest.indexOf(to ?? '') : 1
    if (until === -1) throw new Error(`${to} is not applied`)
    for (const name of newest.slice(0, until)) {
      const one = all.find((each) => each.name === name)
      if (one === undefined) throw new Error(`${name} is applied, and there is no file of it here`)
      await revert(client, records, one)
      say(`reverted ${name}`)
    }
  }
} catch (error) {
  process.stderr.write(`migration failed: ${(error as Error).message}\n`)
  process.exitCode = 1
} finally {
  await client.end()
}
