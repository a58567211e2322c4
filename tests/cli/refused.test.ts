/** A statement that the server refused changed nothing: its undo would take what others made. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { rowsOf, startServer } from '../actions/postgres-server.ts'
import { newestIn } from '../crash/record.ts'
import { project, runbook, start, statuses, summaryOf } from '../tool.ts'

// The machine may have much else to do.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

const hook = ['--import', join(import.meta.dirname, '../crash/kill-at.mjs')]

let server: Awaited<ReturnType<typeof startServer>>
beforeAll(async () => {
  server = await startServer('canary-of-the-database')
})
afterAll(() => server.stop())

let made: { root: string; dispose: () => void } | undefined
afterEach(() => {
  made?.dispose()
  made = undefined
})

const query = (text: string, database = 'guests') => rowsOf(server.url(database), text)

beforeEach(async () => {
  await query('DROP DATABASE IF EXISTS guests WITH (FORCE)', 'postgres')
  await query('CREATE DATABASE guests', 'postgres')
})

const isThere = async () => (await query(`SELECT to_regclass('guest')::text AS t`))[0]?.['t']

/** A file, then a table; `more` are further keys of the table's step. */
function guests(more = '', sql = 'CREATE TABLE guest (id int)'): string {
  made = project(
    'guests',
    `runbook: guests
title: Guests
version: "1"
inputs: { database_url: { type: url, secret: true } }
environments: { test: { inputs: { database_url: { env: GUESTS_URL } } } }
phases:
  - id: main
    steps:
      - { id: first, run: touch first, skip_if_verified: true, verify: { run: test -e first }, rollback: { run: rm -f first, verify: inverse } }
      - id: guest
        sql: ${sql}
        ${more}
        verify: { sql: "SELECT 1 FROM information_schema.tables WHERE table_name = 'guest'", expect: row_count == 1 }
        rollback: { sql: DROP TABLE guest, verify: inverse }
`,
  )
  return made.root
}

const env = () => ({ GUESTS_URL: server.url('guests') })
const run = (root: string, ...args: string[]) => runbook(root, args, { env: env() })
const deploy = ['deploy', 'guests', '--env', 'test']
const json = ['-o', 'json']

test('a second deploy leaves the table to the first, which undoes it', async () => {
  const root = guests()
  expect((await run(root, ...deploy)).code).toBe(0)
  const second = await run(root, ...deploy)
  expect(second.code, second.stderr).toBe(3)
  expect(second.stderr).toContain('relation "guest" already exists')
  expect(second.stderr).toMatch(/^ +changed +nothing$/m)
  expect(second.stderr).toMatch(/^ +next +runbook deploy guests --env test/m)
  const status = await run(root, 'status', 'guests', ...json)
  expect(statuses(status)).toBe('first satisfied, guest failed')
  const { run: id } = summaryOf(status)
  const none = await run(root, 'rollback', id)
  expect([none.code, none.stderr]).toEqual([
    0,
    expect.stringContaining(`Run ${id} has nothing to undo there.`),
  ])
  expect(await isThere()).toBe('guest')
  const back = await run(root, 'rollback', ...json)
  expect([back.code, statuses(back)], back.stderr).toEqual([0, 'first undone, guest undone'])
  expect(await isThere()).toBe(null)
  expect((await run(root, 'rollback')).stderr).toContain('There is nothing left to undo.')
})

describe('the table is there and is not of this run', () => {
  beforeEach(() => query('CREATE TABLE guest (id int)'))

  test.each([
    ['of all', 'rollback', 4, 'first undone, guest failed'],
    ['of the step', 'undo', 3, 'first done, guest failed'],
  ])('a rollback by itself, %s', async (_what, policy, code, expected) => {
    const root = guests()
    const ran = await run(root, ...deploy, '--on-failure', policy, ...json)
    expect([ran.code, statuses(ran)], ran.stderr).toEqual([code, expected])
    expect([await isThere(), existsSync(join(root, 'first'))]).toEqual(['guest', code === 3])
  })

  test('a rollback by itself, and nothing else was done either', async () => {
    const root = guests()
    const ran = await run(root, ...deploy, '--only', 'guest', '--on-failure', 'rollback')
    expect(ran.code, ran.stderr).toBe(4)
    expect(ran.stderr).toContain('failed and was rolled back: there was nothing to undo.')
    expect(await isThere()).toBe('guest')
  })

  test('a rollback by command, after what came before it', async () => {
    const root = guests()
    const failed = await run(root, ...deploy)
    expect(failed.stderr).toMatch(/^ +changed +first$/m)
    const dry = await run(root, 'rollback', '--dry-run')
    expect(dry.stdout).toMatch(/^1 step of run/)
    const back = await run(root, 'rollback', ...json)
    expect([back.code, statuses(back)], back.stderr).toEqual([0, 'first undone, guest failed'])
    expect(await isThere()).toBe('guest')
  })

  test('it goes on without --retry, and is then undone', async () => {
    const root = guests()
    const failed = await run(root, ...deploy)
    expect(failed.stderr).toMatch(/^ +next +runbook resume \S+$/m)
    await query('DROP TABLE guest')
    const ran = await run(root, 'resume', ...json)
    expect([ran.code, statuses(ran)], ran.stderr).toEqual([0, 'first done, guest done'])
    const back = await run(root, 'rollback', ...json)
    expect([back.code, statuses(back)], back.stderr).toEqual([0, 'first undone, guest undone'])
    expect(await isThere()).toBe(null)
  })

  test('the tool dies when it has recorded that', async () => {
    const root = guests()
    // What the file is, its tables, that it can be written, a run, armed, done, armed, and then how the action ended.
    const at = { ...env(), CRASH_AT: 'commit:8:after' }
    const killed = await runbook(root, deploy, { node: hook, env: at })
    expect([killed.signal, await newestIn(root)]).toEqual([
      'SIGKILL',
      ['running', 'first done, guest running'],
    ])
    const back = await run(root, 'rollback', ...json)
    expect([back.code, statuses(back).split(', ')[0]], back.stderr).toEqual([0, 'first undone'])
    expect(await isThere()).toBe('guest')
  })

  test('its check fails after the action was good: that is undone', async () => {
    const root = guests('hints: []', 'ALTER TABLE guest RENAME TO visitor')
    const ran = await run(root, ...deploy)
    expect(ran.code, ran.stderr).toBe(3)
    expect(ran.stderr).toMatch(/^ +changed +first, guest$/m)
  })
})

describe('several attempts', () => {
  /** An attempt of this number loses its connection, any other is refused. */
  const boom = (lost: number) =>
    query(`CREATE TABLE guest (id int); CREATE SEQUENCE tries; CREATE FUNCTION boom() RETURNS int
      LANGUAGE plpgsql AS $$ BEGIN
        IF nextval('tries') = ${lost} THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;
        RAISE 'no'; END $$`)
  const twice = 'effect: idempotent\n        retry: { attempts: 2, every: 10ms }'

  test.each([
    ['both refused', 3, 'guest failed', 'guest'],
    ['of the first nobody can tell', 1, 'guest undone', null],
    ['of the second nobody can tell', 2, 'guest undone', null],
  ])('%s', async (_what, lost, expected, left) => {
    await boom(lost)
    const root = guests(twice, 'SELECT boom()')
    const ran = await run(root, ...deploy, '--on-failure', 'rollback', ...json)
    expect([ran.code, statuses(ran)], ran.stderr).toEqual([4, `first undone, ${expected}`])
    expect([summaryOf(ran).steps[1]?.attempts, await isThere()]).toEqual([2, left])
  })

  test('of the first nobody can tell, and the second is that of a resume', async () => {
    await boom(1)
    const root = guests('', 'SELECT boom()')
    expect((await run(root, ...deploy)).stderr).toMatch(/runbook resume \S+ --retry guest/)
    expect((await run(root, 'resume')).code).toBe(3)
    const again = await run(root, 'resume', '--retry', 'guest')
    expect(again.stderr).toMatch(/^ +changed +first, guest$/m)
    const back = await run(root, 'rollback', ...json)
    expect([back.code, statuses(back)], back.stderr).toEqual([0, 'first undone, guest undone'])
  })
})

test('cut off by a second Ctrl-C, and the server says that it gave it up', async () => {
  const root = guests('', 'CREATE TABLE guest AS SELECT 1 AS id FROM pg_sleep(30)')
  const { child, ran } = start(root, deploy, { env: env() })
  const asking = `SELECT 1 FROM pg_stat_activity WHERE query LIKE 'CREATE TABLE guest%' AND state = 'active'`
  while ((await query(asking)).length === 0) await sleep(20)
  child.kill('SIGINT')
  await sleep(50)
  child.kill('SIGINT')
  const { code, stderr } = await ran
  expect(code, stderr).toBe(130)
  expect(stderr).toContain('interrupted; the server gave it up and changed nothing')
  expect(await newestIn(root)).toEqual(['paused', 'first done, guest failed'])
  await query('CREATE TABLE guest (id int)')
  const back = await run(root, 'rollback', ...json)
  expect([back.code, statuses(back)], back.stderr).toEqual([0, 'first undone, guest failed'])
  expect(await isThere()).toBe('guest')
})
