// Stand-in for the prisma command of version 6: migrate deploy, migrate status
// and migrate diff, on a real PostgreSQL database and the files in prisma/.
// Wrong arguments end with 1 as there, because 2 is diff's word for "differs".
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import pg from 'pg'
import { type Call, type Command, fail, runTool } from '../../shared/stand-ins/tool.ts'
import { declared, differences, found } from './prisma-schema.ts'
import { applyMigration, readApplied, readMigrations } from './prisma-migrations.ts'

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

function schemaFile(file = 'prisma/schema.prisma'): string {
  if (!existsSync(file)) fail(1, `Error: Could not load --schema from ${file}: file not found.`)
  return file
}

const migrations = ({ value }: Call): ReturnType<typeof readMigrations> =>
  readMigrations(join(dirname(schemaFile(value('schema'))), 'migrations'))

async function deploy(client: pg.Client, call: Call): Promise<void> {
  // The same lock number as Prisma's own, so that two deploys wait for each other.
  await client.query('SELECT pg_advisory_lock(72707369)')
  const all = migrations(call)
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

async function status(client: pg.Client, call: Call): Promise<void> {
  const applied = await readApplied(client)
  const pending = migrations(call).filter(
    (m) => !applied.some((a) => a.name === m.name && a.finished),
  )
  if (pending.length === 0) process.stdout.write('Database schema is up to date!\n')
  else {
    process.stdout.write(
      `Following migrations have not yet been applied:\n${pending.map((m) => m.name).join('\n')}\n`,
    )
    process.exitCode = 1
  }
}

async function diff(client: pg.Client, { value, has }: Call): Promise<void> {
  if (!has('from-schema-datasource') || !has('to-schema-datamodel'))
    fail(
      1,
      'Here diff compares --from-schema-datasource FILE with --to-schema-datamodel FILE; both are needed.',
    )
  const want = declared(readFileSync(schemaFile(value('to-schema-datamodel')), 'utf8'))
  const lines = differences(want, await found(client))
  process.stdout.write(lines.length === 0 ? 'No difference detected.\n' : `${lines.join('\n')}\n`)
  if (lines.length > 0 && has('exit-code')) process.exitCode = 2
}

function connected(work: (client: pg.Client, call: Call) => Promise<void>): Command['run'] {
  return async (call) => {
    const client = await connect()
    try {
      await work(client, call)
    } catch (error) {
      fail(1, `Error: ${(error as Error).message}`)
    } finally {
      await client.end()
    }
  }
}

await runTool({
  name: 'prisma',
  usage: 1,
  flags: ['--schema='],
  unknownFlag: (flag) => `! unknown or unexpected option: ${flag}`,
  commands: {
    'migrate deploy': { run: connected(deploy) },
    'migrate status': { run: connected(status) },
    'migrate diff': {
      flags: ['--from-schema-datasource=', '--to-schema-datamodel=', '--exit-code'],
      run: connected(diff),
    },
  },
})
