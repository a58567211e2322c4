import { randomBytes } from 'node:crypto'
import { spawn } from 'node:child_process'
import {
  appendFileSync,
  existsSync,
  readFileSync,
  readdirSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { backup } from '../../src/actions/backup.ts'
import { restore } from '../../src/actions/restore.ts'
import type { ProcessIdentity } from '../../src/core/events.ts'
import { alive } from '../../src/lib/processes.ts'
import { sha256OfFile } from '../../src/lib/files.ts'
import { connect } from '../../src/lib/postgres.ts'
import { context, type Watched } from './context.ts'
import { startServer } from './postgres-server.ts'

const password = `canary-${randomBytes(12).toString('hex')}`
let server: Awaited<ReturnType<typeof startServer>>
let url: string

async function query(text: string, database = url) {
  const connection = await connect(database)
  try {
    return (await connection.query({ text, values: [] })).rows
  } finally {
    await connection.close()
  }
}

beforeAll(async () => {
  server = await startServer(password)
  await query('CREATE DATABASE "app db"', server.url('postgres'))
  url = server.url('app%20db')
  await query(`CREATE TABLE users AS SELECT n, md5(n::text) AS name FROM generate_series(1, 1000) n;
    CREATE TABLE orders (id int PRIMARY KEY); CREATE VIEW v AS SELECT 1`)
})
afterAll(() => server.stop())

const dump = (keep?: string) => ({
  verb: 'backup' as const,
  database: '${{ inputs.url }}',
  to: 'backups',
  ...(keep === undefined ? {} : { keep }),
})

const there = (at: Watched) => readdirSync(join(at.root, 'backups')).sort()

test('a backup is whole, private, checksummed and listed', async () => {
  const at = context({ url })
  const { fields, problem } = await backup.perform(dump(), at)
  expect(problem).toBeUndefined()
  const file = join(at.root, String(fields.file))
  expect(fields).toEqual({
    file: expect.stringMatching(/^backups\/app_db-\d{8}T\d{6}Z\.dump$/) as string,
    size: statSync(file).size,
    sha256: await sha256OfFile(file),
    tables: 2,
    at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z$/) as string,
    previous: null,
  })
  expect(readFileSync(`${file}.sha256`, 'utf8')).toBe(
    `${String(fields.sha256)}  ${basename(file)}\n`,
  )
  expect(there(at)).toEqual([basename(file), `${basename(file)}.sha256`])
  for (const name of there(at))
    expect(statSync(join(at.root, 'backups', name)).mode & 0o777).toBe(0o600)
})

test('the next one knows the one before, also within the same second', async () => {
  const at = context({ url })
  const first = (await backup.perform(dump(), at)).fields
  const { file, size, sha256, at: when } = first
  const second = (await backup.perform(dump(), { ...at, folder: `${at.folder}-2` })).fields
  expect(second.file).not.toBe(file)
  expect(second.previous).toEqual({ file, size, sha256, at: when })
})

test('keep removes older ones of this database, and never the newest', async () => {
  const at = context({ url })
  const first = (await backup.perform(dump(), at)).fields
  const old = [
    'app_db-20200101T000000Z.dump',
    'app_db-20200101T000000Z.dump.sha256',
    'other-20200101T000000Z.dump',
    'app_db-notes.txt',
  ]
  for (const name of old) writeFileSync(join(at.root, 'backups', name), 'x')
  const { fields, notes } = await backup.perform(dump('30d'), { ...at, folder: `${at.folder}-2` })
  expect(notes?.join()).toContain('removed app_db-20200101T000000Z.dump')
  expect(there(at)).toContain(basename(String(first.file)))
  expect(there(at)).toContain(basename(String(fields.file)))
  expect(there(at)).toContain('other-20200101T000000Z.dump')
  expect(there(at)).toContain('app_db-notes.txt')
  expect(there(at).join()).not.toContain('app_db-2020')
  const none = await backup.perform(dump('0s'), { ...at, folder: `${at.folder}-3` })
  expect(there(at)).toContain(basename(String(none.fields.file)))
})

test('a restore puts everything back, and is whole or nothing', async () => {
  const at = context({ url })
  const { file, sha256, size } = (await backup.perform(dump(), at)).fields
  const action = { verb: 'restore' as const, file: String(file), database: '${{ inputs.url }}' }
  const print = `SELECT md5(string_agg(u::text, ',' ORDER BY n)) AS sum FROM users u`
  const [before] = await query(print)
  await query('UPDATE users SET name = NULL; DROP TABLE orders')
  const again = { ...at, folder: `${at.folder}-2` }
  const { fields, problem } = await restore.perform(action, again)
  expect(problem).toBeUndefined()
  expect(fields).toMatchObject({ file, sha256, size, tables: 2 })
  expect(await query(print)).toEqual([before])
  expect(await query(`SELECT to_regclass('orders')::text AS t`)).toEqual([{ t: 'orders' }])

  // An object that depends on what is to be replaced makes it fail in the middle.
  await query('UPDATE users SET n = n + 1; CREATE VIEW depends AS SELECT * FROM users')
  const [changed] = await query(print)
  const failed = await restore.perform(action, { ...at, folder: `${at.folder}-3` })
  expect(failed.problem).toMatchObject({ kind: 'failed' })
  expect(failed.tail).toContain('depends')
  expect(await query(print)).toEqual([changed])
  await query('DROP VIEW depends')
})

test.each([
  ['changed', (path: string) => appendFileSync(path, 'x'), 'its checksum differs'],
  [
    'cut, with nothing beside it',
    (path: string) => {
      writeFileSync(path, readFileSync(path).subarray(0, 100))
      writeFileSync(`${path}.sha256`, '')
    },
    'cannot be listed',
  ],
])(
  'a dump that was %s is refused before the database is touched',
  async (_name, spoil, message) => {
    const at = context({ url })
    const { file } = (await backup.perform(dump(), at)).fields
    spoil(join(at.root, String(file)))
    at.gated.length = 0
    const { problem } = await restore.perform(
      { verb: 'restore', file: String(file), database: url },
      at,
    )
    expect(problem).toMatchObject({ kind: 'failed' })
    expect(problem?.message).toContain(message)
    expect(at.gated).toEqual([])
  },
)

test('no file, no server, no tools: each says so', async () => {
  const at = context({ url })
  const missing = await restore.perform({ verb: 'restore', file: 'no.dump', database: url }, at)
  expect(missing.problem?.message).toContain('there is no file no.dump')
  const nowhere = url.replace(/:\d+\//, ':1/')
  const { problem, tail } = await backup.perform({ ...dump(), database: nowhere }, at)
  expect(problem).toMatchObject({ kind: 'failed' })
  expect(tail).toContain('refused')
  expect(tail).not.toContain(password)
  expect(there(at)).toEqual([])
  const bare = { ...at, env: { PATH: at.root } }
  await expect(backup.perform(dump(), bare)).rejects.toMatchObject({
    exit: 6,
    message: 'not on the PATH: pg_dump, pg_restore',
    hint: expect.stringMatching(/postgresql-client.*libpq/) as string,
  })
})

test('the password is in no command line while it runs, and in nothing that is kept', async () => {
  const at = context({ url })
  let seen = ''
  let looking = true
  const look = async () => {
    while (looking) {
      for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
        try {
          seen += readFileSync(`/proc/${pid}/cmdline`, 'utf8')
        } catch {
          // It has ended.
        }
      }
      await sleep(2)
    }
  }
  const looked = look()
  await backup.perform(dump(), at)
  looking = false
  await looked
  expect(seen).toContain('pg_dump')
  expect(seen).not.toContain(password)
  for (const name of readdirSync(at.root, { recursive: true, encoding: 'utf8' })) {
    const path = join(at.root, name)
    if (statSync(path).isFile()) expect(readFileSync(path, 'latin1'), name).not.toContain(password)
  }
})

const tool = join(import.meta.dirname, 'backup-tool.ts')

/** A tool that is killed while pg_dump waits for a lock that we hold. */
async function crashed() {
  const at = context({ url })
  const lock = await connect(url)
  await lock.query({ text: 'BEGIN; LOCK TABLE users', values: [] })
  const child = spawn(process.execPath, [tool, at.root, at.folder], {
    env: { ...process.env, DATABASE_URL: url },
    stdio: 'inherit',
  })
  const waiting = `SELECT count(*) AS n FROM pg_locks WHERE NOT granted`
  while ((await query(waiting))[0]?.n === 0) await sleep(10)
  child.kill('SIGKILL')
  await new Promise((resolve) => child.once('exit', resolve))
  const wrapper = JSON.parse(readFileSync(join(at.root, 'process'), 'utf8')) as ProcessIdentity
  return { at, wrapper, release: () => lock.close() }
}

test('a backup whose tool died is ended, not made anew', async () => {
  const { at, wrapper, release } = await crashed()
  setTimeout(() => void release(), 200)
  const running: ProcessIdentity[] = []
  const found = await backup.recover?.(dump(), at, (one) => running.push(one), wrapper)
  expect(running).toEqual([wrapper])
  expect(found).toMatchObject({ state: 'ended', outcome: { fields: { tables: 2 } } })
  expect(there(at)).toHaveLength(2)
  // Once more, as if that recovery had died at its very end.
  expect(await backup.recover?.(dump(), at, () => {}, wrapper)).toMatchObject(found ?? {})
  expect(there(at)).toHaveLength(2)
})

test('a backup that nobody knows the end of leaves nothing half behind', async () => {
  const { at, wrapper, release } = await crashed()
  process.kill(wrapper.pid, 'SIGKILL')
  while (alive(wrapper)) await sleep(5)
  expect(await backup.recover?.(dump(), at, () => {}, wrapper)).toEqual({ state: 'unknown' })
  await release()
  expect(there(at)).toEqual([])
  expect(existsSync(join(at.folder, 'receipt'))).toBe(true)
})
