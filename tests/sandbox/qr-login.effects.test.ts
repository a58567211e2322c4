/** Every check of QR login fails when what it proves is taken away, and holds again when it is back. */
import { execFile } from 'node:child_process'
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type pg from 'pg'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import { loadRunbook } from '../../src/language/load.ts'
import { runbook } from '../tool.ts'
import { client, input } from './place.ts'
import {
  both,
  called,
  changed,
  cutOff,
  forgotten,
  linked,
  moved,
  readable,
  replaced,
  rolled,
  rows as rowsOn,
  statement,
  stopped as stoppedOn,
  values as valuesOn,
} from './hands.ts'
import { casesOf, stageOf, type Losses, type TakeAway } from './stage.ts'

// Real servers and a real build, on a machine that may be busy with other tests.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 240_000 })

const NAME = 'qr-login'
const execute = promisify(execFile)

let db: pg.Client
let staging: pg.Client
const stage = stageOf(NAME, {
  databases: ['database_url', 'staging_database_url'],
  first: async ({ database, deploy }) => {
    db = database()
    staging = database('staging_database_url')
    await deploy('--from', 'schema_backup', '--to', 'build_release')
  },
})
const { at, connected, deploy, fileOf, tool, version } = stage
const on = () => db
const expectToDependOn = (run: string, step: string, takeAway: TakeAway) =>
  stage.expectToDependOn(run, step, takeAway, EARLIER[step])

// ── the hands ──────────────────────────────────────────────────────────────

const table = (name: string) => `"${name}"`
const rows = (name: string, where: () => string) => rowsOn(on, table(name), where)
const values = (name: string, where: () => string, set: string) =>
  valuesOn(on, table(name), where, set)

const UNIT = 'hotel-assistant'
const IMAGE = 'hotel-assistant:1.1.0'
const stopped = stoppedOn(stage, UNIT)
const switchedBack = linked(stage, UNIT, '1.0.0', '1.1.0')
const environment = () => at('config/.env.production')

// ── the cases ──────────────────────────────────────────────────────────────

/** The run that made the trials, the one that cleaned up after itself, and the backup's file. */
let trials = ''
let last = ''
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
    'the table is gone': tableGone(() => staging),
    ...Object.fromEntries(
      INDEXES.map((column) => [`the index on ${column} is gone`, indexGone(() => staging, column)]),
    ),
  },
  backup: {
    'it is cut off': cutOff(() => backup, 6000),
    'it has fewer rows': changed(() => backup, dumpWithoutUsers),
    'it is gone': moved(() => backup),
  },
  token_table: {
    'the table is gone': tableGone(() => db),
    'a column has another name': statement(
      on,
      `ALTER TABLE "${TOKENS}" RENAME "revokedAt" TO "revoked"`,
      `ALTER TABLE "${TOKENS}" RENAME "revoked" TO "revokedAt"`,
    ),
    'an index that is declared is gone': indexGone(() => db, 'isUsed'),
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
  image: {
    // The image of what serves cannot be missing, so something else serves first.
    'it is not here': both(switchedBack, forgotten(stage, 'images', IMAGE)),
    'it is not in the registry': forgotten(stage, 'pushed', IMAGE),
  },
  switch_systemd: { 'the previous release serves': switchedBack, 'nothing serves': stopped },
  switch_kubernetes: {
    'the previous image is set': rolled(stage, UNIT, 'app=hotel-assistant', '1.0.0', '1.1.0'),
  },
  switch_docker: {
    'the container is gone': called(
      stage,
      ['docker', 'rm', '--force', 'hotel-assistant'],
      ['docker', 'run', '--detach', '--name', 'hotel-assistant', 'hotel-assistant:1.1.0'],
    ),
  },
  switch_vercel: { 'another deployment is in production': switchedBack },
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
      await db.query(
        `INSERT INTO "User" SELECT $1, $2, name, "hotelId", "roleId", "createdAt" FROM "User" WHERE id = 'user-test-1'`,
        [`${last}-user`, `${last}@example.com`],
      )
      return () => db.query(`DELETE FROM "User" WHERE id = $1`, [`${last}-user`])
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
  service_active: { 'it is stopped': stopped },
  healthy: { 'it is stopped': stopped, 'its table is gone': tableGone(() => db) },
  api_list: { 'the token is gone': rows(TOKENS, token('api')) },
  dashboard: { 'it is stopped': stopped },
  audit: {
    'nobody made it': values(TOKENS, token('flow'), `"createdBy" = ''`),
    'nobody revoked it': values(TOKENS, token('api'), '"revokedAt" = NULL'),
  },
  indexes_used: {
    'an index is gone': both(
      indexAsked,
      indexGone(() => db, 'userId'),
    ),
    'an index is made anew and not asked': async () => {
      await (
        await indexGone(() => db, 'userId')()
      )()
      return askIndexes
    },
  },
  watch: { 'it is stopped': stopped },
  health_checks: { 'it is stopped': stopped, 'the table is gone': tableGone(() => db) },
  metrics_wired: {
    'it is stopped': stopped,
    'the scrape job is gone': moved(() => at('monitoring/scrape.d/qr-login.yml')),
  },
}

function dumpWithoutUsers(file: string): void {
  writeFileSync(file, smaller)
}
let smaller: Buffer

test('every step that changes something has a loss of its effect here', async () => {
  const { runbook: read } = await loadRunbook(NAME, stage.place().root)
  const changing = read.steps.filter((s) => s.rollback.kind !== 'none').map((s) => s.id)
  expect(Object.keys(LOSSES)).toEqual(changing)
})

const STRATEGIES = {
  kubernetes: 'before_image',
  docker: 'before_container',
  vercel: 'before_deployment',
}
const OF_STRATEGIES = ['image', ...Object.keys(STRATEGIES).map((s) => `switch_${s}`)]

// Each from the previous release and back to it, so the one that stays comes last.
describe.each(Object.entries(STRATEGIES))('deployed by %s', (strategy, record) => {
  const steps = [
    'before_version',
    record,
    ...(strategy === 'vercel' ? [] : ['image']),
    `switch_${strategy}`,
  ]
  let run = ''
  beforeAll(async () => {
    run = await deploy('--only', [...steps, 'healthy'].join(','), '--var', `strategy=${strategy}`)
  })
  test.each(casesOf(LOSSES, ...steps))('%s: %s', (step, _how, take) =>
    expectToDependOn(run, step, take),
  )

  test('the new release serves, and the previous one after a rollback', async () => {
    expect(await version()).toEqual({ version: '1.1.0' })
    const { status, steps: ended } = await tool('rollback', run)
    expect(status).toBe('rolled_back')
    expect(ended.find((s) => s.id === `switch_${strategy}`)?.status).toBe('undone')
    expect(await version()).toEqual({ version: '1.0.0' })
  })
})

describe('deployed with systemd', () => {
  beforeAll(async () => {
    trials = await deploy('--from', 'schema_backup', '--to', 'audit')
    last = await deploy('--only', 'ask_indexes,indexes_used,clean_up,monitoring_files')
    backup = await fileOf(trials, 'backup')
    schema = await fileOf(trials, 'schema_backup')
    const { stdout } = await execute(
      'pg_dump',
      ['--format=custom', '--exclude-table-data=public."ChatMessage"'],
      { env: client(input(stage.here(), 'database_url')), encoding: 'buffer' },
    )
    smaller = stdout
  })
  const ran = (step: string) => (step === 'clean_up' ? last : trials)
  const cases = [...casesOf(LOSSES), ...casesOf(PROOFS)]
  test.each(cases.filter(([step]) => !OF_STRATEGIES.includes(step)))(
    '%s: %s',
    async (step, _how, take) => {
      await expectToDependOn(ran(step), step, take)
    },
  )
})

/** A line of the document, or what matters in it, at the database's owner's shell; the tables of the deployment are there. */
test('a link to the release that serves is wanted of systemd, which has one, and of no other strategy', async () => {
  const { runbook: read } = await loadRunbook(NAME, stage.place().root)
  const script = read.requires.flatMap(({ action }) =>
    action.verb === 'run' && 'script' in action && action.script.includes('current')
      ? action.script
      : [],
  )
  const holds = (strategy: string, releases: string) => {
    const env = { ...process.env, STRATEGY: strategy, RELEASES: releases }
    const asked = execute('bash', ['-c', script.join('\n')], { env })
    return asked.then(Boolean, () => false)
  }
  expect(script).toHaveLength(1)
  for (const strategy of Object.keys(STRATEGIES))
    expect(await holds(strategy, '/nowhere'), strategy).toBe(true)
  const own = String(stage.here().bound.inputs['releases'])
  expect([await holds('systemd', own), await holds('systemd', '/nowhere')]).toEqual([true, false])
})

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
    expect((await db.query(`SELECT FROM "${TOKENS}"`)).rowCount).toBeGreaterThan(0)
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

  test('its commands for containers are none, or meet the container that is still there', async () => {
    await expect(sh('docker set image deployment/hotel-assistant app=x:1')).rejects.toThrow(
      /unknown command/,
    )
    const again = `docker run --detach --name ${UNIT} ${IMAGE}`
    await expect(sh(again)).rejects.toThrow(/already in use/)
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

test('where nobody is assumed to say yes, three roles sign off, each its own list, and the run goes on', async () => {
  const { root } = stage.place()
  const file = join(root, `runbooks/${NAME}.yaml`)
  writeFileSync(file, readFileSync(file, 'utf8').replace('manual: assume', 'manual: ask'))
  const steps = ['engineering_sign_off', 'qa_sign_off', 'operations_sign_off']
  const here = [NAME, '--env', 'sandbox']
  const waits = await runbook(root, ['deploy', ...here, '--no-input', '--only', steps.join()])
  expect(waits.code, waits.stderr).toBe(8)
  const sign = (...more: string[]) => runbook(root, ['sign', ...here, '--role', ...more])
  expect((await sign('Engineering')).stderr).toContain('The security scan passed')
  for (const role of ['Engineering', 'QA', 'Operations']) {
    const signed = await sign(role, '--confirm-all')
    expect(signed.code, signed.stderr).toBe(0)
  }
  const { status, steps: all } = await tool('resume')
  expect(status).toBe('succeeded')
  expect(steps.map((id) => all.find((s) => s.id === id)?.status)).toEqual(['done', 'done', 'done'])
  expect((await runbook(root, ['report'])).stdout).toMatch(/Operations[^]*Alerting is configured/)
})
