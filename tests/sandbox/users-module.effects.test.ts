/** Every check of the users module fails when what it proves is taken away, and holds again when it is back. */
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { appendFileSync, readFileSync, readdirSync } from 'node:fs'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import { evaluate } from '../../src/core/expressions.ts'
import type { Attempt } from '../../src/core/runbook.ts'
import { loadRunbook } from '../../src/language/load.ts'
import { runbook, summaryOf } from '../tool.ts'
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
  rows,
  statement,
  told,
  stopped as stoppedOn,
  values,
} from './hands.ts'
import { casesOf, stageOf, type Losses, type TakeAway } from './stage.ts'

// Real servers and a real build, on a machine that may be busy with other tests.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 240_000 })

const NAME = 'users-module'
const stage = stageOf(NAME, {
  first: async ({ deploy }) => deploy('--only', 'build_release'),
})
const { at, call, deploy, expectToDependOn, fileOf, tool, version } = stage
const db = () => stage.database()

/** The runs that did it, and files that they wrote. */
let trials = ''
let backup = ''
let drill = ''

const env = () => at('config/.env.production')
const schedule = () => at('config/cron.d/tickr-backup')
const UNIT = 'tickr-backend'
const stopped = stoppedOn(stage, UNIT)
/** A setting is another one for the application, which reads them when it starts. */
const restartedWith =
  (setting: TakeAway): TakeAway =>
  async () => {
    const restart = () => call('systemctl', 'restart', UNIT)
    const putBack = await setting()
    await restart()
    return async () => {
      await putBack()
      await restart()
    }
  }
const trial = () => `t.email = 'runbook-${trials}@tickr.example'`

/** How the effect of each step that changes something can be lost, by step. */
const LOSSES: Losses = {
  environment_file: {
    'it is gone': moved(env),
    'a variable is missing': replaced(env, /^BCRYPT_ROUNDS.*\n/m),
    'others can read it': readable(env),
  },
  backup: { 'it is cut off': cutOff(() => backup, 3000), 'it is gone': moved(() => backup) },
  migration: {
    'its record is gone': rows(db, 'users.migrations', () => `t.name LIKE 'AddSessions%'`),
    'a column is gone': statement(
      db,
      'ALTER TABLE users.users RENAME "failedLogins" TO away',
      'ALTER TABLE users.users RENAME away TO "failedLogins"',
    ),
    'a table is gone': statement(
      db,
      'ALTER TABLE users.refresh_tokens RENAME TO away',
      'ALTER TABLE users.away RENAME TO refresh_tokens',
    ),
    'an index is gone': statement(
      db,
      'DROP INDEX users."refresh_tokens_userId_idx"',
      'CREATE INDEX "refresh_tokens_userId_idx" ON users.refresh_tokens ("userId")',
    ),
    'a hash may be there twice': statement(
      db,
      'DROP INDEX users."refresh_tokens_tokenHash_key"',
      'CREATE UNIQUE INDEX "refresh_tokens_tokenHash_key" ON users.refresh_tokens ("tokenHash")',
    ),
  },
  build_release: {
    'it is gone': moved(() => at('releases/1.1.0')),
    'a file has another content': changed(
      () => at('releases/1.1.0/src/auth.js'),
      (file) => appendFileSync(file, '\n'),
    ),
    'a route is gone': replaced(
      () => at('releases/1.1.0/routes.json'),
      '/api/auth/login',
      '/api/other',
    ),
  },
  image: { 'it is not in the registry': forgotten(stage, 'pushed', 'tickr-backend:1.1.0') },
  switch_docker: {
    'the container is gone': called(
      stage,
      ['docker', 'rm', '--force', 'tickr-backend'],
      ['docker', 'run', '--detach', '--name', 'tickr-backend', 'tickr-backend:1.1.0'],
    ),
    'the previous container is gone': called(
      stage,
      ['docker', 'rename', 'tickr-backend-previous', 'elsewhere'],
      ['docker', 'rename', 'elsewhere', 'tickr-backend-previous'],
    ),
  },
  switch_node: {
    'the previous release serves': linked(stage, UNIT, '1.0.0', '1.1.0'),
    'nothing serves': stopped,
  },
  switch_kubernetes: {
    'the previous image is set': rolled(stage, UNIT, 'app=tickr-backend', '1.0.0', '1.1.0'),
  },
  autoscaling: {
    'it is gone': called(
      stage,
      ['kubectl', 'delete', 'hpa', 'tickr-backend-hpa'],
      ['kubectl', 'apply', '-f', 'sandbox/users-module/app/k8s/hpa.yaml'],
    ),
  },
  registration: {
    'the account is gone': rows(db, 'users.users', trial),
    'it has another address': values(db, 'users.users', trial, `email = 'other@tickr.example'`),
  },
  backup_schedule: {
    'it is gone': moved(schedule),
    'it keeps nothing': replaced(schedule, /^45 .*\n/m),
  },
  process_recovery: { 'it is not back': stopped },
  restore_drill: { 'it is cut off': cutOff(() => drill, 3000), 'it is gone': moved(() => drill) },
}

/** Steps that change nothing and prove what others did: their checks can fail as well. */
const PROOFS: Losses = {
  secrets_strong: {
    'the signing secret has 128 bits': told(stage, 'jwt_secret', randomBytes(16).toString('hex')),
  },
  settings_fit: {
    'a token opens for an hour': told(stage, 'jwt_access', '1h'),
    'a session lasts a month': told(stage, 'jwt_refresh', '30d'),
    'the rounds are too few': told(stage, 'bcrypt_rounds', 9),
  },
  read_replica: {
    'it is not a replica': told(stage, 'db_read_host', 'localhost'),
  },
  replica_read: {
    'it is not told to the application': restartedWith(
      replaced(env, /^DB_READ_HOST=.*/m, 'DB_READ_HOST='),
    ),
  },
  token_lives: {
    'it can be refreshed for a month': values(
      db,
      'users.refresh_tokens',
      () => 'true',
      `"expiresAt" = "expiresAt" + interval '23 days'`,
    ),
  },
  pool_fits: {
    'nine replicas fit, and ten may come': both(
      told(stage, 'db_pool', 15),
      told(stage, 'strategy', 'kubernetes'),
    ),
  },
  healthy: { 'it is stopped': stopped },
  container_log_clean: {
    'an error was logged': changed(
      () => at('logs/app.log'),
      (file) =>
        appendFileSync(
          file,
          `${JSON.stringify({ time: new Date().toISOString(), level: 'error', message: 'broken' })}\n`,
        ),
    ),
  },
  role_modest: {
    'the role is a superuser': statement(
      db,
      'ALTER ROLE tickr_app SUPERUSER',
      'ALTER ROLE tickr_app NOSUPERUSER',
    ),
  },
  passwords_hashed: {
    'it is kept in clear': values(db, 'users.users', trial, `"passwordHash" = 'Test123!'`),
  },
}

test('every step that changes something has a loss of its effect here', async () => {
  const { runbook: written } = await loadRunbook(NAME, stage.place().root)
  const changing = written.steps.filter((s) => s.rollback.kind !== 'none').map((s) => s.id)
  expect(new Set(Object.keys(LOSSES))).toEqual(new Set(changing))
})

const OF_OTHERS = ['switch_node', 'switch_kubernetes', 'autoscaling']

describe.each([
  ['node', ['before_link', 'switch_node']],
  // The pods are replaced only by such as are healthy, so the tables come first.
  [
    'kubernetes',
    [
      'before_schema',
      'backup',
      'migration',
      'before_image',
      'image',
      'switch_kubernetes',
      'autoscaling',
    ],
  ],
])('deployed by %s', (strategy, steps) => {
  let run = ''
  beforeAll(async () => {
    const only = ['before_version', ...steps].join(',')
    run = await deploy('--only', only, '--var', `strategy=${strategy}`)
  })

  test.each(casesOf(LOSSES, ...steps.filter((s) => OF_OTHERS.includes(s))))(
    '%s: %s',
    (step, _how, take) => expectToDependOn(run, step, take),
  )

  test('the new release serves, and the previous one after a rollback', async () => {
    expect(await version()).toEqual({ version: '1.1.0' })
    expect((await tool('rollback', run)).status).toBe('rolled_back')
    expect(await version()).toEqual({ version: '1.0.0' })
  })
})

describe('a container that does not start', () => {
  const failing = (what: string) => ({ STANDIN_FAIL: `docker ${what}` })
  const id = () => call('docker', 'inspect', '--format', '{{.Id}}', 'tickr-backend')
  const serves = async () => ({ ...((await version()) as object), id: await id() })

  test('costs the one that served nothing: tried again, half undone, or never begun', async () => {
    const before = await serves()
    const steps = 'environment_file,before_version,before_container,image,switch_docker'
    const only = [
      'deploy',
      NAME,
      '--env',
      'sandbox',
      '--on-failure',
      'stop',
      '--only',
      steps,
      '--var',
      'settle=1s',
    ]
    const stopped = async (...args: string[]) => {
      const { root } = stage.place()
      const ran = await runbook(root, [...args, '-o', 'json'], { env: failing('run') })
      expect(ran.code, ran.stderr).toBe(3)
      return summaryOf(ran).run
    }
    const run = await stopped(...only)
    await stopped('resume', run, '--retry', 'switch_docker')

    const step = stage.here().plan.steps.find((one) => one.id === 'switch_docker')
    const [undone] = step?.rollback.kind === 'undo' ? step.rollback.undos : []
    const sh = (of: Attempt | undefined, env?: NodeJS.ProcessEnv) =>
      stage.sh(
        `set -e; ${of?.action.verb === 'run' && 'script' in of.action ? of.action.script : 'false'}`,
        {
          ...env,
          BEFORE: before.id.trim(),
        },
      )
    await expect(sh(undone, failing('rename'))).rejects.toThrow()
    await sh(undone)
    // Another one has the name under which one is kept.
    const other = ['--name', 'tickr-backend-previous', 'tickr-backend:1.1.0']
    await expect(call('docker', 'run', '--detach', ...other)).rejects.toThrow()
    await sh(undone)
    expect(await serves()).toEqual(before)

    await sh(step?.act)
    expect(await version()).toEqual({ version: '1.1.0' })
    expect((await tool('rollback', run)).status).toBe('rolled_back')
    expect(await serves()).toEqual(before)
  })
})

// The proofs first: an account that is taken away takes its tokens with it for good.
describe('deployed as a container', () => {
  beforeAll(async () => {
    trials = await deploy('--from', 'secrets_strong', '--to', 'restore_drill')
    backup = await fileOf(trials, 'backup')
    drill = await fileOf(trials, 'restore_drill')
  })
  test.each([...casesOf(PROOFS), ...casesOf(LOSSES)].filter(([step]) => !OF_OTHERS.includes(step)))(
    '%s: %s',
    async (step, _how, take) => expectToDependOn(trials, step, take),
  )
})

describe('recovery', () => {
  test('the process was killed: it had no time to say that it ends, and is there again', () => {
    const lines = readFileSync(at('logs/app.log'), 'utf8').split('\n')
    const said = lines.flatMap((line) => /"(listening|stopping)"/.exec(line)?.[1] ?? [])
    // One serves, and one never said that it ends.
    expect(said.filter((one) => one === 'listening').length).toBe(
      said.filter((one) => one === 'stopping').length + 2,
    )
  })

  test("cron's command dumps the database that was deployed to", async () => {
    const [settings = '', command = ''] = readFileSync(schedule(), 'utf8').split(
      /^#.*\n.*postgres {2}/m,
    )
    const { PGUSER, PGPASSWORD, PATH } = client(input(stage.here(), 'database_url'))
    const [dump = ''] = command.split('\n')
    const [, ...all] = settings.split('\n').reverse()
    const env = Object.fromEntries(all.map((line) => line.split('=') as [string, string]))
    // As cron reads it: a percent sign has a backslash before it.
    await promisify(execFile)('sh', ['-c', dump.replaceAll('\\%', '%')], {
      env: { ...env, PGUSER, PGPASSWORD, PATH },
    })
    const [made = ''] = readdirSync(at('backups')).filter((name) =>
      /^tickr-\d{4}-\d\d-\d\d\.dump$/.test(name),
    )
    const { stdout } = await promisify(execFile)('pg_restore', ['--list', at(`backups/${made}`)])
    expect(stdout).toContain('TABLE users refresh_tokens')
  })
})

describe('what is said when something is wrong', () => {
  /** What a step says of a result. */
  const hinted = (id: string, result: Record<string, unknown>): string => {
    const step = stage.here().plan.steps.find((one) => one.id === id)
    return (step?.hints ?? [])
      .filter(({ when }) => {
        const answer = evaluate(when.source, result)
        return answer.ok && answer.value === true
      })
      .map(({ say }) => say)
      .join(' ')
  }
  const migrating = async (env: NodeJS.ProcessEnv): Promise<string> => {
    const own = { DB_PASSWORD: input(stage.here(), 'db_password'), ...env }
    const failed = await stage.sh('npm run migration:revert 2>&1', own).then(
      () => '',
      (error: unknown) => (error as { stdout: string }).stdout,
    )
    return hinted('migration', { output: failed })
  }
  const asked = async (path: string, bearer: string, json?: object): Promise<Response> =>
    fetch(`${input(stage.here(), 'app_url')}${path}`, {
      headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' },
      ...(json === undefined ? {} : { method: 'POST', body: JSON.stringify(json) }),
    })

  test('the database refuses connections', async () => {
    expect(await migrating({ DB_PORT: '9' })).toContain('security groups')
  })

  test('a transaction holds what the migration needs', async () => {
    await db().query('BEGIN')
    await db().query('LOCK TABLE users.audit_log')
    expect(await migrating({ DB_LOCK_TIMEOUT_MS: '100' })).toContain('stuck')
    await db().query('ROLLBACK')
  })

  test('a login is refused for its password, and then for its number', async () => {
    const said = []
    for (let i = 0; i < 6; i += 1) {
      const wrong = { email: 'nobody@tickr.example', password: 'Wrong123!' }
      const { status } = await asked('/api/auth/login', '', wrong)
      said.push(hinted('login', { status }))
    }
    expect(said[0]).toContain('BCRYPT_ROUNDS')
    expect(said[5]).toContain('too tight')
  })

  test('a token that another secret signed is refused', async () => {
    const email = 'hinted@tickr.example'
    const account = { email, password: 'Test123!', firstName: 'H', lastName: 'H' }
    const { accessToken } = (await (await asked('/api/auth/register', '', account)).json()) as {
      accessToken: string
    }
    const other = randomBytes(32).toString('hex')
    const putBack = await restartedWith(replaced(env, /^JWT_SECRET=.*/m, `JWT_SECRET=${other}`))()
    const { status } = await asked('/api/users/me', accessToken)
    await putBack()
    expect((await asked('/api/users/me', accessToken)).status).toBe(200)
    expect(hinted('profile', { status })).toContain('JWT_SECRET')
  })
})

describe('what the document would have done', () => {
  const owner = () => client(input(stage.here(), 'database_url'))

  test('a second container on the port of the first does not start', async () => {
    await expect(
      call('docker', 'run', '--detach', '--publish', '127.0.0.1:3000:3000', 'tickr-backend:1.1.0'),
    ).rejects.toThrow()
  })

  test('a stopped container has its name still', async () => {
    await call('docker', 'stop', UNIT)
    const again = call('docker', 'run', '--detach', '--name', UNIT, 'tickr-backend:1.1.0')
    await expect(again).rejects.toThrow('already in use')
    await call('docker', 'start', UNIT)
  })

  test('a plain dump cannot be read by pg_restore', async () => {
    const dump = at('backups/plain.sql')
    await promisify(execFile)('pg_dump', ['--file', dump], { env: owner() })
    await expect(
      promisify(execFile)('pg_restore', ['--list', dump], { env: owner() }),
    ).rejects.toThrow(/text format/)
  })
})
