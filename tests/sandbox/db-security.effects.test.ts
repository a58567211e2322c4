/** Every check of database security fails when what it proves is taken away; and what its document's commands really do. */
import { randomBytes } from 'node:crypto'
import { appendFileSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import { findRun } from '../../src/engine/session.ts'
import { loadRunbook } from '../../src/language/load.ts'
import { judge } from '../../src/core/expressions.ts'
import { openOutputs } from '../../src/engine/outputs.ts'
import { scopeOf } from '../../src/engine/runtime.ts'
import { shownWhile } from '../canaries.ts'
import { input } from './place.ts'
import {
  both,
  changed,
  cutOff,
  forgotten,
  linked,
  moved,
  readable,
  replaced,
  statement,
} from './hands.ts'
import { casesOf, stageOf, type Losses, type TakeAway } from './stage.ts'

// Real servers, builds and traffic, on a machine that may be busy with other tests.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 240_000 })

const NAME = 'db-security'

let run = ''
let backup = ''
let finalBackup = ''
/** The run of the last phase. */
let last = ''
const stage = stageOf(NAME, {
  async first({ deploy, fileOf }) {
    run = await deploy('--to', 'final_backup')
    backup = await fileOf(run, 'backup')
    finalBackup = await fileOf(run, 'final_backup')
  },
})
const { at, here, sh: call } = stage
const on = () => stage.database()

const called =
  (take: string, back: string): TakeAway =>
  async () => {
    await call(take)
    return () => call(back)
  }

const set = (name: string, take: string, back: string): TakeAway =>
  called(`scripts/setting.sh set ${name} '${take}'`, `scripts/setting.sh set ${name} '${back}'`)
const recordGone = (version: string): TakeAway =>
  statement(
    on,
    `DELETE FROM schema_migrations WHERE version = '${version}'`,
    `INSERT INTO schema_migrations VALUES ('${version}', now())`,
  )
const MAINTENANCE = 'MAINTENANCE_MODE'
const PERCENT = 'FEATURE_SECURITY_TRACKING_PERCENT'
const stopped = called('systemctl stop lockr', 'systemctl start lockr')

const keyOf = () => input(here(), 'system_encryption_key')
/** A line more in the application's log. */
const logged = (line: () => object): TakeAway =>
  changed(
    () => at('logs/lockr.log'),
    (file) => {
      const time = new Date().toISOString()
      appendFileSync(file, JSON.stringify({ time, ...line() }) + '\n')
    },
  )

/** Sealed values of users, changed; afterwards as they were. */
const sealed =
  (change: string): TakeAway =>
  async () => {
    await on().query('CREATE TEMP TABLE kept AS SELECT * FROM users')
    await on().query(change)
    return () =>
      on().query(
        `UPDATE users u SET encrypted_two_factor_secret = k.encrypted_two_factor_secret,
                encrypted_phone_number = k.encrypted_phone_number FROM kept k WHERE k.id = u.id;
         DROP TABLE kept`,
      )
  }

/** The account of a flow: made by the flow itself, removed, and made again. */
const accountOf = (flow: string, by = () => run): { made: TakeAway; gone: TakeAway } => {
  const make = () =>
    call(`node scripts/flow.ts ${flow}`, {
      RUNBOOK_RUN_ID: by(),
      APP_URL: input(here(), 'app_url'),
      MESSAGES_URL: input(here(), 'messages_url'),
      ADMIN_TOKEN: input(here(), 'admin_token'),
      TRIAL_PHONE: input(here(), 'trial_phone'),
    })
  const remove = () => on().query('DELETE FROM users WHERE id = $1', [`${by()}-${flow}`])
  return {
    made: async () => {
      await make()
      return remove
    },
    gone: async () => {
      await remove()
      return make
    },
  }
}

/** How the effect of each step that changes something can be lost, by step. */
const LOSSES: Losses = {
  source_tree: {
    'another commit is checked out': called(
      'git -C "$SOURCE" checkout --quiet 2.3.0',
      'git -C "$SOURCE" checkout --quiet main',
    ),
    'a file is changed': replaced(() => at('source/package.json'), '2.4.0', '2.4.1'),
  },
  backup: {
    'it is cut off': cutOff(() => backup, 6000),
    'it is gone': moved(() => backup),
  },
  maintenance_on: { 'it is off': set(MAINTENANCE, '', 'true') },
  tracking_columns: {
    'a column has another name': statement(
      on,
      'ALTER TABLE users RENAME last_failed_login_at TO away',
      'ALTER TABLE users RENAME away TO last_failed_login_at',
    ),
    'it is not recorded': recordGone('024_add_security_tracking_columns'),
  },
  encryption_constraints: {
    'a constraint is gone': async () => {
      const name = 'users_encrypted_phone_number_form'
      const { rows } = await on().query<{ text: string }>(
        'SELECT pg_get_constraintdef(oid) AS text FROM pg_constraint WHERE conname = $1',
        [name],
      )
      await on().query(`ALTER TABLE users DROP CONSTRAINT ${name}`)
      return () => on().query(`ALTER TABLE users ADD CONSTRAINT ${name} ${rows[0]?.text}`)
    },
    'the status function is gone': statement(
      on,
      'ALTER FUNCTION check_encryption_migration_status() RENAME TO away',
      'ALTER FUNCTION away() RENAME TO check_encryption_migration_status',
    ),
    'it is not recorded': recordGone('025_add_encryption_constraints'),
  },
  security_views: {
    'a view is gone': statement(
      on,
      'ALTER VIEW locked_accounts RENAME TO away',
      'ALTER VIEW away RENAME TO locked_accounts',
    ),
    'a figure has another name': statement(
      on,
      'ALTER VIEW deployment_metrics RENAME COLUMN locked_accounts TO away',
      'ALTER VIEW deployment_metrics RENAME COLUMN away TO locked_accounts',
    ),
    'it is not recorded': recordGone('026_create_security_views'),
  },
  encrypt_values: {
    'a value is not sealed': sealed(
      `UPDATE users SET encrypted_phone_number = NULL WHERE id = 'user-0001'`,
    ),
    "a value is another row's": sealed(
      `UPDATE users SET encrypted_phone_number = (SELECT encrypted_phone_number FROM users WHERE id = 'user-0004') WHERE id = 'user-0001'`,
    ),
    'a value was changed': sealed(
      `UPDATE users SET encrypted_phone_number = overlay(encrypted_phone_number placing 'AAAA' from 30) WHERE id = 'user-0001'`,
    ),
    'the plain text is another': statement(
      on,
      `UPDATE users SET phone_number = '+390001' WHERE id = 'user-0001'`,
      `UPDATE users SET phone_number = '+390001000000' WHERE id = 'user-0001'`,
    ),
  },
  key_git: {
    'it is not set': async () => {
      const key = await call('heroku config:get SYSTEM_ENCRYPTION_KEY --app lockr')
      await call('heroku config:unset SYSTEM_ENCRYPTION_KEY --app lockr')
      return () =>
        call('heroku config:set "SYSTEM_ENCRYPTION_KEY=$KEY" --app lockr', { KEY: key.trim() })
    },
    'it is another one': async () => {
      const put = (key: string) =>
        call('heroku config:set "SYSTEM_ENCRYPTION_KEY=$KEY" --app lockr', { KEY: key })
      await put(anotherKey())
      return () => put(keyOf())
    },
  },
  deploy_git: {
    'the previous release serves': called(
      `git -C "$RELEASES/../source" push --quiet --force "$RELEASES/../heroku.git" '2.3.0^{commit}:refs/heads/main'`,
      `git -C "$RELEASES/../source" push --quiet --force "$RELEASES/../heroku.git" '2.4.0^{commit}:refs/heads/main'`,
    ),
    'nothing serves': stopped,
  },
  flow_signup: { 'the account is gone': accountOf('signup').gone },
  flow_login: { 'the account is gone': accountOf('login').gone },
  flow_second_factor: { 'the account is gone': accountOf('second_factor').gone },
  flow_sms: { 'the account is gone': accountOf('sms').gone },
  flow_reset: { 'the account is gone': accountOf('reset').gone },
  clean_up: { 'an account is back': accountOf('login').made },
  maintenance_off: { 'it is on': set(MAINTENANCE, 'true', 'false') },
  percent_10: { 'it is 0': set(PERCENT, '0', '10') },
  percent_50: { 'it is 10': set(PERCENT, '10', '50') },
  percent_100: { 'it is 50': set(PERCENT, '50', '100') },
  final_backup: {
    'it is cut off': cutOff(() => finalBackup, 6000),
  },
  clean_up_again: { 'an account is back': accountOf('login').made },
  old_backups: {
    'an old one is there': async () => {
      const old = at('backups/lockr-20200101T000000Z.dump')
      writeFileSync(old, '')
      utimesSync(old, 0, 0)
      return () => {
        rmSync(old)
      }
    },
  },
}

/** What later steps changed on purpose is made as it was after the step. */
const EARLIER: Record<string, TakeAway> = {
  maintenance_on: set(MAINTENANCE, 'true', 'false'),
  percent_10: set(PERCENT, '10', '100'),
  percent_50: set(PERCENT, '50', '100'),
  ...Object.fromEntries(
    ['signup', 'login', 'second_factor', 'sms', 'reset'].map((flow) => [
      `flow_${flow}`,
      accountOf(flow).made,
    ]),
  ),
}

/** Steps that change nothing and prove what others did: first, for what is lost later is logged. */
const PROOFS: Losses = {
  key_reached: {
    'the log shows it': logged(() => ({ level: 'info', message: keyOf() })),
  },
  log_clean: {
    'an error is logged': logged(() => ({ level: 'error', message: 'no vault' })),
  },
  healthy: { 'it is stopped': stopped },
}

const IMAGE = 'lockr:2.4.0'
const previous = linked(stage, 'lockr', '2.3.0', '2.4.0')
const ENV_FILE = () => at('config/.env.production')
const anotherKey = () => randomBytes(32).toString('base64')
/** The secret of the cluster, made of a text. */
const secretOf = (text: () => string) => async () => {
  await call(
    `kubectl delete secret encryption-keys
     printf %s "$TEXT" | kubectl create secret generic encryption-keys --from-file=system-encryption-key=/dev/stdin`,
    { TEXT: text() },
  )
  return secretOf(keyOf)
}

/** Those of the other strategies, with the same release in place. */
const BY_DOCKER: Losses = {
  key_docker: {
    'it is not there': replaced(ENV_FILE, /^SYSTEM_ENCRYPTION_KEY=.*\n/m),
    'it is another one': async () =>
      replaced(ENV_FILE, /^(SYSTEM_ENCRYPTION_KEY)=.*/m, `$1=${anotherKey()}`)(),
    'others can read it': readable(ENV_FILE),
  },
  build_release: {
    'a file of it is changed': changed(
      () => at('releases/2.4.0/src/main.js'),
      (file) => appendFileSync(file, '\n'),
    ),
    'it says that it is another': replaced(
      () => at('releases/2.4.0/manifest.json'),
      '"version": "2.4.0"',
      '"version": "2.4.1"',
    ),
    'it is gone': moved(() => at('releases/2.4.0/manifest.json')),
  },
  image: {
    // One that a container runs is always here.
    'it is not here': both(previous, forgotten(stage, 'images', IMAGE)),
    'it is not in the registry': forgotten(stage, 'pushed', IMAGE),
  },
  deploy_docker: { 'the previous release serves': previous },
}
const BY_KUBERNETES: Losses = {
  key_kubernetes: {
    'it is not there': async () => {
      await call('kubectl delete secret encryption-keys')
      return secretOf(keyOf)
    },
    'it is another one': secretOf(anotherKey),
    'the deployment does not read it': called(
      'kubectl set env deployment/lockr SYSTEM_ENCRYPTION_KEY-',
      'kubectl set env deployment/lockr --from=secret/encryption-keys; kubectl rollout status deployment/lockr',
    ),
  },
  deploy_kubernetes: { 'the previous release serves': previous },
}

/** Those of the last phase, after which the plain text is gone. */
const columnBack = (column: string): TakeAway =>
  statement(
    on,
    `ALTER TABLE users ADD COLUMN ${column} text`,
    `ALTER TABLE users DROP COLUMN ${column}`,
  )
const AT_THE_END: Losses = {
  remove_plain_text: {
    'the second factors are back': columnBack('two_factor_secret'),
    'the phone numbers are back': columnBack('phone_number'),
    'it is not recorded': recordGone('027_remove_legacy_plaintext_columns'),
  },
  flow_without_plain_text: {
    'the account is gone': accountOf('second_factor', () => last).gone,
    'its second factor is not sealed': async () => {
      const account = `${last}-second_factor`
      const { rows } = await on().query<{ sealed: string }>(
        'SELECT encrypted_two_factor_secret AS sealed FROM users WHERE id = $1',
        [account],
      )
      const set = (to: string | undefined) =>
        on().query('UPDATE users SET encrypted_two_factor_secret = $1 WHERE id = $2', [to, account])
      await set(undefined)
      return () => set(rows[0]?.sealed)
    },
  },
}

test('every step that changes something has a loss of its effect here', async () => {
  const { runbook: read } = await loadRunbook(NAME, stage.place().root)
  const changing = read.steps.filter((s) => s.rollback.kind !== 'none').map((s) => s.id)
  const lost = casesOf({ ...LOSSES, ...BY_DOCKER, ...BY_KUBERNETES, ...AT_THE_END })
  expect([...new Set(lost.map(([step]) => step))].sort()).toEqual(changing.sort())
})

test.each([...casesOf(PROOFS), ...casesOf(LOSSES)])('%s: %s', (step, _how, take) =>
  stage.expectToDependOn(run, step, take, EARLIER[step]),
)

describe('a reason to go back', () => {
  const restart = () => call('heroku ps:restart --app lockr')
  const mood =
    (wrong: object): TakeAway =>
    async () => {
      writeFileSync(at('mood.json'), JSON.stringify(wrong))
      return () => {
        rmSync(at('mood.json'))
      }
    }
  const TRIGGERS: Record<string, [expression: string, TakeAway]> = {
    'fewer than 95 % of logins succeed': ['success_rate >=', mood({ wrong_passwords: 30 })],
    'more than 10 % of codes are wrong': ['failure_rate <=', mood({ wrong_codes: 40 })],
    'more than 1 % of requests fail': [
      'error_rate <=',
      statement(
        on,
        'ALTER TABLE vault_items RENAME TO away',
        'ALTER TABLE away RENAME TO vault_items',
      ),
    ],
    'sealed values do not open': [
      'cannot_open ==',
      sealed(
        `UPDATE users SET encrypted_two_factor_secret = (SELECT encrypted_two_factor_secret FROM users WHERE id = 'user-0001')
          WHERE encrypted_two_factor_secret IS NOT NULL`,
      ),
    ],
  }
  test.each(Object.entries(TRIGGERS))('%s', async (_, [expression, takeAway]) => {
    // The figures are of the last seconds; with a restart they begin anew.
    const eventually = (what: (asked: Awaited<ReturnType<typeof stage.ask>>) => void) =>
      vi.waitFor(async () => what(await stage.ask(run, 'percent_100')), {
        timeout: 40_000,
        interval: 500,
      })
    const putBack = await takeAway()
    try {
      await restart()
      await eventually(({ answer, expressions }) => {
        expect(answer).toBe('does_not_hold')
        expect(expressions.join()).toContain(expression)
      })
    } finally {
      await putBack()
      await restart()
    }
    await eventually(({ answer }) => expect(answer).toBe('holds'))
  })

  test('the database half as slow again, the answers a tenth slower, beyond the noise', async () => {
    const known = await findRun(here().session.store, { run })
    const step = here().plan.steps.find((s) => s.id === 'percent_100')
    const soak = step?.verify.find((check) => check.action.verb === 'soak')
    if (known === undefined || soak === undefined) throw new Error('no soak')
    const outputs = openOutputs(here().bound, known.plan, known.state)
    const usual = known.state.steps.get('baseline')?.outputs as Record<string, number>
    const noise = Number(here().bound.inputs['noise_ms'])
    const answer = (database: number, response: number) => {
      const web = {
        database_ms: { mean: (usual['database_ms'] ?? 0) * database + noise },
        response_ms: { mean: (usual['response_ms'] ?? 0) * response + noise },
      }
      const scope = { ...scopeOf(here().bound, { run, outputs }), web }
      return judge(soak.expect, scope, (text) => text).answer
    }
    expect(answer(1.49, 1.09)).toBe('holds')
    expect(answer(1.51, 1.09)).toBe('does_not_hold')
    expect(answer(1.49, 1.11)).toBe('does_not_hold')
  })
})

test('no environment but the sandbox is deployed to without the name of a commit', () => {
  const named = here().plan.requires.find((one) => one.title?.startsWith('the commit is named'))
  const answer = (environment: string, commit: string) =>
    judge(
      named?.expect ?? [],
      { inputs: { commit }, environment: { name: environment } },
      (text) => text,
    ).answer
  expect(answer('sandbox', '')).toBe('holds')
  expect(answer('staging', '')).toBe('does_not_hold')
  expect(answer('prod', '')).toBe('does_not_hold')
  expect(answer('prod', 'c0ffee')).toBe('holds')
})

test('a log of which Heroku has lost the beginning is no clean log; one that a drain wrote is read in its place', async () => {
  const many = changed(
    () => at('logs/lockr.out.log'),
    (file) => appendFileSync(file, `{"time":"${new Date().toISOString()}"}\n`.repeat(1500)),
  )
  const putBack = await many()
  try {
    expect(await stage.ask(run, 'log_clean')).toMatchObject({ answer: 'cannot_tell' })
    const drain = { LOG_FILE: at('logs/lockr.log') }
    expect(await call('scripts/log.sh 2025-01-01T00:00:00Z', drain)).toContain('"2.3.0"')
  } finally {
    await putBack()
  }
})

describe('what the document says, and what it does', () => {
  const failing = 'SELECT no_such_column; CREATE TABLE half (id int);'
  const half = async () =>
    (await on().query(`SELECT 1 FROM information_schema.tables WHERE table_name = 'half'`)).rowCount

  test('psql -f goes on after an error and ends with 0; within a transaction that stops, nothing is left', async () => {
    const script = at('half.sql')
    writeFileSync(script, failing)
    await call(`psql -f '${script}' 2> /dev/null`)
    expect(await half()).toBe(1)
    await on().query('DROP TABLE half')
    const careful = 'psql --no-psqlrc --set=ON_ERROR_STOP=1 --single-transaction'
    await expect(call(`${careful} --file='${script}'`)).rejects.toMatchObject({ code: 3 })
    expect(await half()).toBe(0)
    rmSync(script)
  })

  test('a migration that ran is refused a second time by its record, whole', async () => {
    const version = '026_create_security_views'
    const again = `psql --no-psqlrc --set=ON_ERROR_STOP=1 --single-transaction --command='CREATE TABLE half (id int)' \
      --command="INSERT INTO schema_migrations (version, executed_at) VALUES ('${version}', now())"`
    await expect(call(again)).rejects.toMatchObject({ code: 1 })
    expect(await half()).toBe(0)
  })

  test('head shows the beginning of a dump that has no end, and pg_restore reads no plain dump', async () => {
    const plain = at('backups/plain.sql')
    await call(`pg_dump > '${plain}'`)
    await expect(call(`pg_restore --list '${plain}'`)).rejects.toMatchObject({ code: 1 })
    truncateSync(plain, 4000)
    expect((await call(`head -100 '${plain}'`)).length).toBeGreaterThan(1000)
    rmSync(plain)
  })

  test('its count of what is left to encrypt never comes to zero', async () => {
    const { rows } = await on().query<{ n: string }>(`SELECT count(*) AS n FROM users
       WHERE (two_factor_secret IS NOT NULL OR phone_number IS NOT NULL)
         AND (encrypted_two_factor_secret IS NULL OR encrypted_phone_number IS NULL)`)
    expect(Number(rows[0]?.n)).toBeGreaterThan(100)
    const { rows: status } = await on().query<{ complete: boolean }>(
      'SELECT bool_and(complete) AS complete FROM check_encryption_migration_status()',
    )
    expect(status[0]?.complete).toBe(true)
  })

  test('pg_stat_user_tables has no tablename', async () => {
    await expect(on().query('SELECT tablename FROM pg_stat_user_tables')).rejects.toThrow(
      'column "tablename" does not exist',
    )
  })

  test('heroku maintenance:on hides version and health; the application’s own mode does not', async () => {
    const status = async (path: string) => (await fetch(input(here(), 'app_url') + path)).status
    await call('heroku maintenance:on --app lockr')
    expect([await status('/version'), await status('/health')]).toEqual([503, 503])
    await call('heroku maintenance:off --app lockr')
    expect([await status('/version'), await status('/health')]).toEqual([200, 200])
  })

  test('behind the maintenance page there is no traffic to watch', async () => {
    const attempts = async () => {
      const answer = await fetch(`${input(here(), 'app_url')}/metrics.json`)
      return ((await answer.json()) as { logins: { attempts: number } }).logins.attempts
    }
    await vi.waitFor(async () => expect(await attempts()).toBeGreaterThan(5), 20_000)
    await call(`scripts/setting.sh set ${MAINTENANCE} true`)
    expect(await attempts()).toBe(0)
    await call(`scripts/setting.sh set ${MAINTENANCE} false`)
  })

  test('heroku config:set shows the key to whoever lists processes; its own interface does not', async () => {
    const key = input(here(), 'system_encryption_key')
    const lines = await shownWhile(
      () => call(`heroku config:set "SYSTEM_ENCRYPTION_KEY=$KEY" --app lockr`, { KEY: key }),
      key,
    )
    expect(lines).toBe(true)
    const step = here().plan.steps.find((s) => s.id === 'key_git')?.act?.action
    if (step?.verb !== 'run' || !('script' in step)) throw new Error('no script')
    const { script } = step
    const quiet = await shownWhile(
      () =>
        call(script, {
          SYSTEM_ENCRYPTION_KEY: key,
          HEROKU_API: input(here(), 'heroku_api'),
          NETRC: input(here(), 'netrc'),
        }),
      key,
    )
    expect(quiet).toBe(false)
  })
})

describe('deployed by docker', () => {
  let by = ''
  beforeAll(async () => {
    by = await stage.deploy(...only('docker', 'build_release', 'image', 'before_container'))
  })
  test.each(casesOf(BY_DOCKER))('%s: %s', (step, _how, take) =>
    stage.expectToDependOn(by, step, take),
  )
})

describe('deployed by kubernetes', () => {
  let by = ''
  beforeAll(async () => {
    by = await stage.deploy(...only('kubernetes', 'before_image'))
  })
  test.each(casesOf(BY_KUBERNETES))('%s: %s', (step, _how, take) =>
    stage.expectToDependOn(by, step, take),
  )
})

describe('without the plain text', () => {
  beforeAll(async () => {
    const steps = 'final_backup,remove_plain_text,flow_without_plain_text'
    last = await stage.deploy('--only', steps)
  })
  test.each(casesOf(AT_THE_END))('%s: %s', (step, _how, take) =>
    stage.expectToDependOn(last, step, take),
  )
})

/** Of the deployment only what is by that strategy. */
function only(strategy: string, ...more: string[]): string[] {
  const steps = [
    'encryption_key',
    'before_version',
    `key_${strategy}`,
    `deploy_${strategy}`,
    ...more,
  ]
  return ['--var', `strategy=${strategy}`, '--only', steps.join()]
}
