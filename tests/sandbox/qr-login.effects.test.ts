/**
 * QR login deployed in its sandbox, whole: every check fails when what it proves is taken away, and holds again
 * when it is back; then its ways back, and a release that is not healthy.
 */
import { execFile } from 'node:child_process'
import { appendFileSync, existsSync, writeFileSync } from 'node:fs'
import { promisify } from 'node:util'
import type pg from 'pg'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import { loadRunbook } from '../../src/language/load.ts'
import { client, input, type Picture } from './place.ts'
import {
  both,
  changed,
  cutOff,
  linked,
  moved,
  readable,
  replaced,
  rows as rowsOn,
  statement,
  stopped as stoppedOn,
  values as valuesOn,
} from './hands.ts'
import { expectEveryRow } from './rows.ts'
import { casesOf, stageIn, type Losses, type TakeAway } from './stage.ts'
import { ended, idsOf, pictureOf, statusOf, systemOf } from './system.ts'

// Real servers and a real build, on a machine that may be busy with other tests.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 120_000 })

const NAME = 'qr-login'
/** The tests of the source need no second and third time. */
const AGAIN = ['--from', 'schema_backup']
const execute = promisify(execFile)

const system = systemOf(NAME, pictureOf('database_url', 'staging_database_url'), true)
const { expectAsBefore, picture } = system
// Wherever it is deployed or rolled back, command lines are watched.
const tool: typeof system.tool = (...args) => system.watched(() => system.tool(...args))
const deploy: typeof system.deploy = (...more) => system.watched(() => system.deploy(...more))
const stage = stageIn(NAME, system)
const { at, connected, fileOf } = stage
const on = () => stage.database()
const staging = () => stage.database('staging_database_url')

// ── the hands ──────────────────────────────────────────────────────────────

const table = (name: string) => `"${name}"`
const rows = (name: string, where: () => string) => rowsOn(on, table(name), where)
const values = (name: string, where: () => string, set: string) =>
  valuesOn(on, table(name), where, set)

const UNIT = 'hotel-assistant'
const stopped = stoppedOn(stage, UNIT)
const switchedBack = linked(stage, UNIT, '1.0.0', '1.1.0')
const environment = () => at('config/.env.production')

// ── the cases ──────────────────────────────────────────────────────────────

/** The run that deployed all, the one after it, the one that left its trials there, and the files of the backups. */
let run = ''
let latest = ''
let trials = ''
let backup = ''
let schema = ''

const token = (suffix: string) => () => `id = '${trials}-${suffix}'`
const release = (path: string) => () => at(`releases/1.1.0${path}`)
const TOKENS = 'GuestStaffQRToken'
const INDEXES = ['hotelId', 'userId', 'expiresAt', 'isUsed']

const indexGone = (on: () => pg.Client, column: string): TakeAway =>
  statement(
    on,
    `DROP INDEX "${TOKENS}_${column}_idx"`,
    `CREATE INDEX "${TOKENS}_${column}_idx" ON "${TOKENS}" ("${column}")`,
  )
const tableGone = (on: () => pg.Client): TakeAway =>
  statement(on, `ALTER TABLE "${TOKENS}" RENAME TO away`, `ALTER TABLE away RENAME TO "${TOKENS}"`)

/** Asks every index as the step of that name does. The counts are reported when the connection ends. */
async function askIndexes(): Promise<void> {
  const act = stage.here().plan.steps.find((s) => s.id === 'ask_indexes')?.act?.action
  if (act?.verb !== 'sql') throw new Error('no statements that ask the indexes')
  const own = await connected('database_url')
  await own.query('BEGIN')
  for (const one of act.statements) if ('statement' in one) await own.query(one.statement)
  await own.query('COMMIT')
  await own.end()
}
const indexAsked: TakeAway = () => Promise.resolve(askIndexes)

/** What later steps or cases changed on purpose goes first, for these. */
const EARLIER: Record<string, TakeAway> = {
  api_generate: values(TOKENS, token('api'), '"revokedAt" = NULL, "revokedBy" = NULL'),
  api_list: rows(TOKENS, token('flow')),
  indexes_used: async () => {
    await askIndexes()
    return () => undefined
  },
}

/** How the effect of each step that changes something can be lost, by step. */
const LOSSES: Losses = {
  schema_backup: {
    'its end is cut off': cutOff(() => schema, 2000),
    'it is gone': moved(() => schema),
  },
  environment_file: {
    'it is gone': moved(environment),
    'a variable is missing': replaced(environment, /^SESSION_EXPIRY_HOURS.*\n/m),
    'others can read it': readable(environment),
  },
  staging_trial: {
    'the table is gone': tableGone(staging),
    ...Object.fromEntries(
      INDEXES.map((column) => [`the index on ${column} is gone`, indexGone(staging, column)]),
    ),
  },
  backup: {
    'it is cut off': cutOff(() => backup, 6000),
    'it has fewer rows': changed(() => backup, dumpWithoutUsers),
    'it is gone': moved(() => backup),
  },
  token_table: {
    'the table is gone': tableGone(on),
    'a column has another name': statement(
      on,
      `ALTER TABLE "${TOKENS}" RENAME "revokedAt" TO "revoked"`,
      `ALTER TABLE "${TOKENS}" RENAME "revoked" TO "revokedAt"`,
    ),
    'an index that is declared is gone': indexGone(on, 'isUsed'),
    'a column has come that nobody declared': statement(
      on,
      `ALTER TABLE "${TOKENS}" ADD stray text`,
      `ALTER TABLE "${TOKENS}" DROP stray`,
    ),
  },
  permissions: {
    'one is in another group': values(
      'Permission',
      () => `key = 'qr.tokens.list'`,
      `"group" = 'other'`,
    ),
    'one has another key': values(
      'Permission',
      () => `key = 'qr.tokens.list'`,
      `key = 'qr.tokens.lists'`,
    ),
  },
  role_permissions: {
    'one was revoked': rows(
      'RolePermission',
      () =>
        `t."roleId" = 'role-admin' AND t."permissionId" IN (SELECT id FROM "Permission" WHERE key = 'qr.tokens.revoke')`,
    ),
  },
  build_release: {
    'it is gone': moved(release('')),
    'a file has another content': changed(release('/src/qr/tokens.js'), (file) =>
      appendFileSync(file, '\n'),
    ),
    'a file is gone': moved(release('/src/qr/tokens.js')),
    'a route is gone': replaced(
      release('/routes.json'),
      'POST /api/qr/validate',
      'POST /api/other',
    ),
  },
  switch_systemd: { 'the previous release serves': switchedBack },
  api_generate: { 'the token is gone': rows(TOKENS, token('api')) },
  api_validate: { 'it is not used': values(TOKENS, token('api'), '"isUsed" = false') },
  api_revoke: {
    'it is not revoked': values(TOKENS, token('api'), '"revokedAt" = NULL, "revokedBy" = NULL'),
    'the token is gone': rows(TOKENS, token('api')),
  },
  flow_user: { 'the user is gone': both(rows(TOKENS, token('flow')), rows('User', token('user'))) },
  flow_token: { 'the token is gone': rows(TOKENS, token('flow')) },
  flow_scan: { 'it is not used': values(TOKENS, token('flow'), '"isUsed" = false') },
  clean_up: {
    'the trial user is back': async () => {
      await on().query(
        `INSERT INTO "User" SELECT $1, $2, name, "hotelId", "roleId", "createdAt" FROM "User" WHERE id = 'user-test-1'`,
        [`${latest}-user`, `${latest}@example.com`],
      )
      return () => on().query(`DELETE FROM "User" WHERE id = $1`, [`${latest}-user`])
    },
  },
  monitoring_files: {
    'the scrape job is gone': moved(() => at('monitoring/scrape.d/qr-login.yml')),
    'the dashboard is another one': changed(
      () => at('monitoring/dashboards/qr-login.json'),
      (file) => appendFileSync(file, '\n'),
    ),
  },
}

/** Steps that change nothing and prove what others did: their checks can fail as well. */
const PROOFS: Losses = {
  // First: what others take away leaves lines in the log.
  log_clean: {
    'an error is logged': changed(
      () => at('logs/app.log'),
      (file) =>
        appendFileSync(
          file,
          `${JSON.stringify({ time: new Date().toISOString(), level: 'error', message: 'lost' })}\n`,
        ),
    ),
  },
  api_list: { 'the token is gone': rows(TOKENS, token('api')) },
  audit: {
    'nobody made it': values(TOKENS, token('flow'), `"createdBy" = ''`),
    'nobody revoked it': values(TOKENS, token('api'), '"revokedAt" = NULL'),
  },
  indexes_used: {
    'an index is gone': both(indexAsked, indexGone(on, 'userId')),
    'an index is made anew and not asked': async () => {
      await (
        await indexGone(on, 'userId')()
      )()
      return askIndexes
    },
  },
  'healthy, health_checks': { 'the table is gone': tableGone(on) },
  metrics_wired: {
    'the scrape job is gone': moved(() => at('monitoring/scrape.d/qr-login.yml')),
  },
  'switch_systemd, service_active, healthy, dashboard, watch, health_checks, metrics_wired': {
    'it is stopped': stopped,
  },
}

function dumpWithoutUsers(file: string): void {
  writeFileSync(file, smaller)
}
let smaller: Buffer

test('the sandbox starts with a previous release, rows in both databases and no trace of a deployment', () => {
  const before = system.before()
  expect(before.version).toEqual({ version: '1.0.0' })
  expect(before.healthy).toBe(true)
  expect(before.files['releases/current']).toBe('-> 1.0.0')
  expect(before.files['config/.env.production']).toBeUndefined()
  for (const { schema, rows } of Object.values(before.databases)) {
    expect(schema.join('\n')).toContain('CREATE TABLE public."User"')
    expect(schema.join('\n')).not.toContain('GuestStaffQRToken')
    expect(rows.filter((row) => row.startsWith('INSERT INTO')).length).toBeGreaterThan(30)
  }
})

let deployed: Picture

test('deployed, as a person would: the screen says where it is, what each phase took, and the way back', async () => {
  expect((await tool('plan', NAME, '--env', 'sandbox', '--out', 'first.plan')).code).toBe(0)
  // It starts the sandbox itself, in the sight of everybody; the commands that follow share it.
  await system.letDown()
  // As a person would: without -o json.
  const deploying = tool('deploy', NAME, '--env', 'sandbox', '-v')
  await vi.waitFor(() => expect(existsSync(at('control.json'))).toBe(true), {
    timeout: 60_000,
    interval: 50,
  })
  await system.keepUp()
  const first = await deploying
  expect(first.code, first.stderr).toBe(0)
  const screen = first.stderr.slice(first.stderr.lastIndexOf('is deployed to') - 40)
  expect(screen).toContain('qr-login 1.0 is deployed to sandbox')
  expect(screen).toMatch(/app_url +http:\/\/127\.0\.0\.1:\d+/)
  // QR-26: six phases, what each took beside what was estimated.
  const timeline = [
    ['Pre-deployment validation', '30m'],
    ['Database migration', '45m'],
    ['Data seeding', '20m'],
    ['Application deployment', '30m'],
    ['Functional testing', '45m'],
    ['Performance and monitoring', '30m'],
  ]
  for (const [phase, estimate] of timeline)
    expect(screen).toMatch(new RegExp(`${phase} +[\\d.]+ m?s of ~${estimate} .*\\d+ done`))
  run = /run +(\d{8}-\d{6}-[0-9a-f]{4})/.exec(screen)?.[1] ?? 'none'
  expect(screen).toContain(`runbook rollback ${run}`)

  const status = await tool('status', run)
  expect(status.code, status.stderr).toBe(0)
  for (const [phase, estimate] of timeline)
    expect(status.stdout).toMatch(new RegExp(`${phase} +[\\d.]+ m?s of ~${estimate} `))
  const summary = ended(await tool('status', run, '-o', 'json'))
  expect(summary.status).toBe('succeeded')
  expectEveryRow(NAME, [summary])

  deployed = await picture()
  expect(deployed.version).toEqual({ version: '1.1.0' })
  expect(deployed.files['releases/current']).toBe('-> 1.1.0')
  expect(deployed.databases['database_url']?.schema.join('\n')).toContain('GuestStaffQRToken')

  expect((await tool('logs', '-o', 'ndjson')).code).toBe(0)
  const verified = await tool('verify', NAME, '--env', 'sandbox')
  expect(verified.stdout, verified.stderr).toMatch(/: (\d+) of \1 checks hold/)
})

test('deployed again, it leaves as it is what is there', async () => {
  const again = ended(await deploy(...AGAIN))
  expect(idsOf(again, 'satisfied')).toEqual([
    'environment_file',
    'staging_trial',
    'token_table',
    'permissions',
    'role_permissions',
    'build_release',
    'switch_systemd',
    'monitoring_files',
  ])
  latest = again.run
})

/** Those that try it, and what proves it of what they made; not cleaned up, it can be taken away. */
const TRIALS = [
  ...['api_generate', 'api_validate', 'api_list', 'api_revoke'],
  ...['flow_user', 'flow_token', 'flow_scan', 'audit'],
]

test('every step that changes something has a loss of its effect here', async () => {
  const { runbook: read } = await loadRunbook(NAME, stage.place().root)
  const changing = read.steps.filter((s) => s.rollback.kind !== 'none')
  // Those of the other strategies are deployed, and have theirs, in the other test of this system.
  const here = changing.filter((s) => s.when === undefined || s.when.source.includes('systemd'))
  expect(Object.keys(LOSSES)).toEqual(here.map((s) => s.id))
})

describe('what is deployed, taken away and given back', () => {
  beforeAll(async () => {
    await stage.connect('database_url', 'staging_database_url')
    ;({ run: trials } = ended(await deploy('--only', TRIALS.join())))
    backup = await fileOf(latest, 'backup')
    schema = await fileOf(latest, 'schema_backup')
    const { stdout } = await execute(
      'pg_dump',
      ['--format=custom', '--exclude-table-data=public."ChatMessage"'],
      { env: client(input(stage.here(), 'database_url')), encoding: 'buffer' },
    )
    smaller = stdout
  })

  test.each([...casesOf(LOSSES), ...casesOf(PROOFS)])('%s: %s', (step, _how, take) =>
    stage.expectToDependOn(TRIALS.includes(step) ? trials : latest, step, take, EARLIER[step]),
  )
})

/** A line of the document, or what matters in it, at the database's owner's shell; the tables of the deployment are there. */
describe('what the document says, and what it does', () => {
  const { sh } = stage
  const psql = (statement: string) => sh(`psql -XAt -c ${JSON.stringify(statement)} 2>&1`)
  /** What it said while it failed. */
  const refused = (statement: string) =>
    psql(statement).then(
      () => 'nothing was wrong',
      (error: unknown) => (error as { stdout: string }).stdout,
    )

  test.each([
    ['a name without quotes', `SELECT COUNT(*) FROM ${TOKENS}`, 'relation "gueststaffqrtoken"'],
    [
      'a column without quotes',
      'SELECT 1 FROM "RolePermission" rp JOIN "Permission" p ON rp.permissionId = p.id',
      'column rp.permissionid does not exist',
    ],
    ['slow statements', 'SELECT mean_time FROM pg_stat_statements', 'column "mean_time"'],
    ['used indexes', 'SELECT tablename FROM pg_stat_user_indexes', 'column "tablename"'],
    [
      'a second assignment of the permissions',
      'INSERT INTO "RolePermission" SELECT * FROM "RolePermission"',
      'duplicate key',
    ],
  ])('%s is refused', async (_what, statement, why) => {
    expect(await refused(statement)).toContain(why)
  })

  test('a drop without quotes drops nothing and ends with 0; nor is the table found, or its indexes', async () => {
    expect(await psql(`DROP TABLE IF EXISTS ${TOKENS} CASCADE`)).toContain('does not exist, skip')
    expect((await on().query(`SELECT FROM "${TOKENS}"`)).rowCount).toBeGreaterThan(0)
    for (const look of [`dt public.${TOKENS}`, 'di public.*qr*'])
      expect(await sh(`psql -X -c '\\${look}' 2>&1 || true`)).toMatch(/^Did not find any/)
  })

  test('pg_restore reads no plain dump, which read over what is there stops at once, or ends with 0', async () => {
    const plain = at('backups/plain.sql')
    await sh(`pg_dump --schema-only > '${plain}'`)
    await expect(sh(`pg_restore --list < '${plain}'`)).rejects.toMatchObject({ code: 1 })
    const over = `psql -X -q -1 -f '${plain}' 2>&1 > /dev/null`
    expect(await sh(over)).toContain('already exists')
    await expect(sh(`psql -X -q -1 -v ON_ERROR_STOP=1 -f '${plain}'`)).rejects.toMatchObject({
      code: 3,
    })
  })

  test('requests as it sends them open nothing, and are counted as fast all the same', async () => {
    const app = input(stage.here(), 'app_url')
    const status = async (path: string, init?: RequestInit) =>
      (await fetch(app + path, init)).status
    const body = await sh(`QR_TOKEN=one; printf %s '{"token": "$QR_TOKEN", "hotelId": "hotel-1"}'`)
    expect(body).toContain('$QR_TOKEN')
    expect(await status('/api/qr/validate', { method: 'POST', body })).toBe(415)
    const headers = { 'content-type': 'application/json' }
    expect(await status('/api/qr/validate', { method: 'POST', body, headers })).toBe(401)
    expect(await status('/api/qr/tokens?hotelId=hotel-test-1')).toBe(401)
  })

  test('its script for the health checks ends at the first that passes; looking at the log has no end', async () => {
    await expect(sh('set -e; PASSED=0; ((PASSED++)); echo "$PASSED passed"')).rejects.toThrow()
    const watch = `timeout 0.2 tail -f '${at('logs/app.log')}' > /dev/null`
    await expect(sh(watch)).rejects.toMatchObject({ code: 124 })
  })

  test('looking for the variables shows the secrets', async () => {
    const secret = input(stage.here(), 'nextauth_secret')
    const shown = await sh("env | grep -E 'NEXTAUTH|DATABASE|QR|SESSION'", {
      NEXTAUTH_SECRET: secret,
    })
    expect(shown).toContain(secret)
  })
})

test('rolled back, by scope, and by the backup: all is as it was before', async () => {
  await stage.leave()
  // Of the newest runs there are only the traces of their trials to remove.
  for (const newest of [trials, latest]) ended(await tool('rollback', newest, '-o', 'json'))
  expect(await picture()).toEqual(deployed)

  const part = ended(await tool('rollback', run, '--scope', 'app', '-o', 'json'))
  expect(part.status).toBe('partly_rolled_back')
  expect(statusOf(part, 'switch_systemd')).toBe('undone')
  expect(statusOf(part, 'token_table')).toBe('done')
  const half = await picture()
  expect(half.version).toEqual(system.before().version)
  expect(half.healthy).toBe(true)
  expect(half.files).toEqual(system.before().files)
  expect(half.databases).toEqual(deployed.databases)

  // The rest as the document would have it: the backup over everything, with what somebody built on the table.
  await system.sql('CREATE VIEW recent AS SELECT id FROM "GuestStaffQRToken"')
  const whole = ended(await tool('rollback', run, '--last-resort', 'token_table', '-o', 'json'))
  expect(whole.status).toBe('rolled_back')
  expect(idsOf(whole, 'undone')).toEqual(expect.arrayContaining(['token_table', 'permissions']))
  expect(statusOf(whole, 'works_as_before')).toBe('done')
  await expectAsBefore()
})

test('a release that is not healthy is rolled back by itself, and the previous one serves its data', async () => {
  const summary = ended(await deploy('--var', 'release=broken', '-v', ...AGAIN), 4)
  expect(summary.status).toBe('rolled_back')
  expect(statusOf(summary, 'switch_systemd')).toBe('undone')
  expect(idsOf(summary, 'failed')).toEqual(['healthy'])
  expect((await tool('rollback')).stderr).toContain('nothing left to undo')
  await expectAsBefore()
})

test('in all this no secret of the sandbox was in any output, record, log, plan or command line', async () => {
  for (const args of [['status'], ['logs'], ['history', '-o', 'json']])
    expect((await tool(...args)).code).toBe(0)
  const secrets = system.secrets()
  expect([...secrets.keys()].sort()).toEqual([
    'output session',
    'output token',
    'random/qr-login/sandbox/admin_token',
    'random/qr-login/sandbox/nextauth_secret',
    'services/qr-login/sandbox/postgres/password',
  ])
  for (const secret of secrets.values()) expect(secret.length).toBeGreaterThan(20)
  expect(system.secretsSeen()).toEqual([])
})
