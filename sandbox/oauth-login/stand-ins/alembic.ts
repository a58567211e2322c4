// Stand-in for alembic, on a real PostgreSQL database and the revisions in its folder. The
// database is the one that POSTGRES_* name, or DATABASE_URL, as the backend's env.py has it.
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import pg from 'pg'
import { migrate, revert } from '../../shared/kit/migrations.ts'
import { type Call, type Command, fail, runTool, say } from '../../shared/stand-ins/tool.ts'
import { databaseUrl } from '../app/scripts/database.ts'
import { type Revision, Unknown, placeOf, readRevisions, recordsOf } from './revisions.ts'

interface World {
  client: pg.Client
  line: readonly Revision[]
  /** How many of them are applied. */
  applied: number
  call: Call
}

const info = (text: string): unknown =>
  process.stderr.write(`INFO  [alembic.runtime.migration] ${text}\n`)

/** As alembic ends when it knows what is wrong. */
function failed(message: string): never {
  process.stderr.write(`ERROR [alembic.util.messaging] ${message}\n`)
  say(`FAILED: ${message}`)
  process.exit(255)
}

/** As SQLAlchemy words what PostgreSQL says. */
function databaseError(error: unknown): never {
  const { code, message } = error as Error & { code?: string }
  const known: Record<string, string> = {
    '42701': 'ProgrammingError: (psycopg2.errors.DuplicateColumn)',
    '42703': 'ProgrammingError: (psycopg2.errors.UndefinedColumn)',
    '42P07': 'ProgrammingError: (psycopg2.errors.DuplicateTable)',
    '42P01': 'ProgrammingError: (psycopg2.errors.UndefinedTable)',
  }
  return fail(1, `sqlalchemy.exc.${known[code ?? ''] ?? 'OperationalError:'} ${message}`)
}

function revisions({ value }: Call): Revision[] {
  const file = value('config') ?? 'alembic.ini'
  if (!existsSync(file))
    failed(`No config file '${file}' found, or file has no '[alembic]' section`)
  const [, folder = 'alembic'] =
    /^script_location *= *(\S+)/m.exec(readFileSync(file, 'utf8')) ?? []
  return readRevisions(join(dirname(file), folder, 'versions'))
}

const shown = (line: readonly Revision[], { name }: Revision): string =>
  name === line.at(-1)?.name ? `${name} (head)` : name

function connected(work: (world: World) => Promise<void> | void): Command['run'] {
  return async (call) => {
    const line = revisions(call)
    const client = new pg.Client({
      connectionString: databaseUrl(process.env),
      connectionTimeoutMillis: 10_000,
    })
    client.on('error', () => undefined)
    await client.connect().catch(databaseError)
    info('Context impl PostgresqlImpl.')
    info('Will assume transactional DDL.')
    try {
      // Two at once wait for each other.
      await client.query('SELECT pg_advisory_lock(72707370)')
      await work({ client, line, applied: (await recordsOf(line).applied(client)).length, call })
    } catch (error) {
      if (error instanceof Unknown) failed(error.message)
      databaseError(error)
    } finally {
      await client.end()
    }
  }
}

async function upgrade({ client, line, applied, call }: World): Promise<void> {
  const [wanted = ''] = call.words
  const more = /^\+(\d+)$/.exec(wanted)?.[1]
  if (more !== undefined && applied + Number(more) > line.length)
    failed(`Relative revision ${wanted} didn't produce ${more} migrations`)
  const upTo = /^heads?$/.test(wanted)
    ? line.length
    : more === undefined
      ? placeOf(line, wanted) + 1
      : applied + Number(more)
  for (const one of line.slice(applied, upTo)) {
    info(`Running upgrade ${one.revises ?? ''} -> ${one.name}, ${one.message}`)
    await migrate(client, recordsOf(line), one)
  }
}

async function downgrade({ client, line, applied, call }: World): Promise<void> {
  const [wanted] = call.words
  if (call.has('1') === (wanted !== undefined))
    failed('here downgrade needs -1, base or a revision')
  if (call.has('1') && applied === 0) failed("Relative revision -1 didn't produce 1 migrations")
  const left =
    wanted === undefined ? applied - 1 : wanted === 'base' ? 0 : placeOf(line, wanted) + 1
  for (const one of line.slice(left, applied).reverse()) {
    info(`Running downgrade ${one.name} -> ${one.revises ?? ''}, ${one.message}`)
    await revert(client, recordsOf(line), one)
  }
}

async function stamp({ client, line, call }: World): Promise<void> {
  const [wanted = ''] = call.words
  const one = wanted === 'head' ? line.at(-1) : line[placeOf(line, wanted)]
  await recordsOf(line).prepare(client)
  info(`Running stamp_revision  -> ${one?.name}`)
  await client.query('BEGIN; DELETE FROM alembic_version')
  await client.query('INSERT INTO alembic_version VALUES ($1)', [one?.name])
  await client.query('COMMIT')
}

await runTool({
  name: 'alembic',
  usage: 2,
  flags: ['-c, --config='],
  unknownFlag: (flag) => `alembic: error: unrecognized arguments: ${flag}`,
  commands: {
    current: {
      run: connected(({ line, applied }) => {
        const one = line[applied - 1]
        if (one !== undefined) say(shown(line, one))
      }),
    },
    heads: {
      run: (call) => {
        const line = revisions(call)
        for (const one of line.slice(-1)) say(shown(line, one))
      },
    },
    history: {
      run: (call) => {
        const line = revisions(call)
        for (const one of line.toReversed())
          say(`${one.revises ?? '<base>'} -> ${shown(line, one)}, ${one.message}`)
      },
    },
    upgrade: { words: [1, 1], run: connected(upgrade) },
    downgrade: { flags: ['-1'], words: [0, 1], run: connected(downgrade) },
    stamp: { words: [1, 1], run: connected(stamp) },
  },
})
