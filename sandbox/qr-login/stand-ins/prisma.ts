// Stand-in for the prisma command of version 6: migrate deploy, migrate status
// and migrate diff, on a real PostgreSQL database and the files in prisma/.
// Wrong arguments end with 1 as there, because 2 is diff's word for "differs".
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import pg from 'pg'
import { applyMigration, readApplied, readMigrations } from '../supervisor/migrate.ts'
import { declared, differences, found } from './prisma-schema.ts'
import { begin, fail, parse } from './stand-in.ts'

const { words, flags } = parse(
  begin('prisma'),
  ['--schema', '--from-schema-datasource', '--to-schema-datamodel'],
  ['--exit-code'],
  (flag) => fail(1, `! unknown or unexpected option: ${flag}`),
)
const [area, verb, ...rest] = words
const command = `${area ?? ''} ${verb ?? ''}`
if (rest.length > 0) fail(1, `! unexpected argument: ${rest[0] ?? ''}`)

async function connect(): Promise<pg.Client> {
  const url = process.env['DATABASE_URL']
  if (url === undefined || url === '')
    fail(1, 'Error: Environment variable not found: DATABASE_URL.')
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 })
  client.on('error', () => undefined)
  // The address holds a password, so an error shows its reason only.
  await client
    .connect()
    .catch((error: unknown) =>
      fail(1, `Error: P1001: Can't reach database server: ${(error as Error).message}`),
    )
  return client
}

function schemaFile(flag: string): string {
  const file = flags.get(flag) ?? 'prisma/schema.prisma'
  if (!existsSync(file)) fail(1, `Error: Could not load --schema from ${file}: file not found.`)
  return file
}

const migrations = (): ReturnType<typeof readMigrations> =>
  readMigrations(join(dirname(schemaFile('--schema')), 'migrations'))

async function deploy(client: pg.Client): Promise<void> {
  // The same lock number as Prisma's own, so that two deploys wait for each other.
  await client.query('SELECT pg_advisory_lock(72707369)')
  const all = migrations()
  const applied = await readApplied(client)
  const stuck = applied.find((a) => !a.finished)
  if (stuck !== undefined)
    fail(1, `Error: P3009\n\nmigrate found failed migrations in the target database: ${stuck.name}`)
  for (const a of applied) {
    const same = all.find((m) => m.name === a.name)
    if (same !== undefined && same.checksum !== a.checksum)
      process.stderr.write(`warning: ${a.name} was changed after it was applied\n`)
  }
  const pending = all.filter((m) => !applied.some((a) => a.name === m.name))
  process.stdout.write(`${all.length} migrations found in prisma/migrations\n`)
  for (const migration of pending) {
    process.stdout.write(`Applying migration \`${migration.name}\`\n`)
    await applyMigration(client, migration).catch((error: unknown) =>
      fail(
        1,
        `Error: P3018\n\nA migration failed to apply: ${migration.name}\n${(error as Error).message}`,
      ),
    )
  }
  process.stdout.write(
    pending.length === 0
      ? 'No pending migrations to apply.\n'
      : 'All migrations have been successfully applied.\n',
  )
}

async function status(client: pg.Client): Promise<void> {
  const applied = await readApplied(client)
  const pending = migrations().filter((m) => !applied.some((a) => a.name === m.name && a.finished))
  if (pending.length === 0) process.stdout.write('Database schema is up to date!\n')
  else {
    process.stdout.write(
      `Following migrations have not yet been applied:\n${pending.map((m) => m.name).join('\n')}\n`,
    )
    process.exitCode = 1
  }
}

async function diff(client: pg.Client): Promise<void> {
  const want = declared(readFileSync(schemaFile('--to-schema-datamodel'), 'utf8'))
  const lines = differences(want, await found(client))
  process.stdout.write(lines.length === 0 ? 'No difference detected.\n' : `${lines.join('\n')}\n`)
  if (lines.length > 0 && flags.has('--exit-code')) process.exitCode = 2
}

function noDiffFlags(): void {
  for (const flag of ['--from-schema-datasource', '--to-schema-datamodel', '--exit-code'])
    if (flags.has(flag)) fail(1, `! unknown or unexpected option: ${flag}`)
}

const commands: Readonly<Record<string, (client: pg.Client) => Promise<void>>> = {
  'migrate deploy': deploy,
  'migrate status': status,
  'migrate diff': diff,
}
const run = commands[command]
if (run === undefined)
  fail(
    1,
    `! Unknown command "${command.trim()}". (This stand-in knows migrate deploy, status, diff.)`,
  )
if (run !== diff) noDiffFlags()
else if (!flags.has('--from-schema-datasource') || !flags.has('--to-schema-datamodel')) {
  fail(
    1,
    'Here diff compares --from-schema-datasource FILE with --to-schema-datamodel FILE; both are needed.',
  )
}
const client = await connect()
try {
  await run(client)
} catch (error) {
  fail(1, `Error: ${(error as Error).message}`)
} finally {
  await client.end()
}
