/**
 * Database security deployed to the last step that can be undone, and rolled back. In between every check fails
 * when what it proves is taken away, and the document's commands do what they really do.
 */
import { appendFileSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { findRun } from '../../src/engine/session.ts'
import type { Answer } from '../../src/core/events.ts'
import { loadRunbook } from '../../src/language/load.ts'
import { judge } from '../../src/core/expressions.ts'
import { openOutputs } from '../../src/engine/outputs.ts'
import { scopeOf } from '../../src/engine/runtime.ts'
import { shownWhile, watchProcesses } from '../canaries.ts'
import type { Summary } from '../tool.ts'
import { input } from '../sandbox/place.ts'
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
} from '../sandbox/hands.ts'
import { casesOf, stageIn, type Losses, type TakeAway } from '../sandbox/stage.ts'
import { ended, idsOf, statusOf, systemOf } from '../sandbox/system.ts'
import {
  accountOf,
  anotherKey,
  deployedBy,
  lossesAtTheEnd,
  lossesByKubernetes,
  recordGone,
  vault,
  type Vault,
} from './vault.ts'

// Real servers, builds and traffic, on a machine that may be busy with other tests.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 240_000 })

const NAME = 'db-security'

const PERCENT = 'FEATURE_SECURITY_TRACKING_PERCENT'
const MAINTENANCE = 'MAINTENANCE_MODE'

const system = systemOf(NAME, vault, true)
const { deploy, expectAsBefore, picture, tool } = system
/** The deployment, what there was right before it, and the command lines that were seen. */
let deployed: Summary
let set: Vault
let seen = ''
let backup = ''
let finalBackup = ''
const stage = stageIn(NAME, system)
const { at, fileOf, here, sh: call } = stage
beforeAll(async () => {
  await stage.connect('database_url')
  // Somebody set it long ago: the first share is none any more, and 20 % is what to go back to.
  await call(`scripts/setting.sh set ${PERCENT} 20`)
  set = await picture()
  const watching = watchProcesses(50)
  deployed = ended(await deploy('--to', 'final_backup'))
  const { stdout } = await tool('verify', NAME, '--env', 'sandbox')
  // All hold but those of what later steps took further, and of what is yet to come.
  expect(stdout).toMatch(/ \d+ of \d+ checks hold/)
  const open = [...stdout.matchAll(/^ {2}step +(\S+)$/gm)].map(([, step]) => step)
  expect([...new Set(open)]).toEqual(['maintenance_on', 'percent_50', 'remove_plain_text'])
  seen = await watching.stop()
  backup = await fileOf(run(), 'backup')
  finalBackup = await fileOf(run(), 'final_backup')
})
afterAll(() => stage.leave())
const on = () => stage.database()
const run = () => deployed.run
const account = (flow: string) => accountOf(stage, flow, run)

const called =
  (take: string, back: string): TakeAway =>
  async () => {
    await call(take)
    return () => call(back)
  }

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
  tracking_columns: {
    'a column has another name': statement(
      on,
      'ALTER TABLE users RENAME last_failed_login_at TO away',
      'ALTER TABLE users RENAME away TO last_failed_login_at',
    ),
    'it is not recorded': recordGone(stage, '024_add_security_tracking_columns'),
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
    'it is not recorded': recordGone(stage, '025_add_encryption_constraints'),
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
    'it is not recorded': recordGone(stage, '026_create_security_views'),
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
  },
  flow_signup: { 'the account is gone': account('signup').gone },
  flow_login: { 'the account is gone': account('login').gone },
  flow_second_factor: { 'the account is gone': account('second_factor').gone },
  flow_sms: { 'the account is gone': account('sms').gone },
  flow_reset: { 'the account is gone': account('reset').gone },
  'clean_up, clean_up_again': { 'an account is back': account('login').made },
  final_backup: {
    'it is cut off': cutOff(() => finalBackup, 6000),
  },
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

/** The accounts went again with a later step. */
const EARLIER: Record<string, TakeAway> = Object.fromEntries(
  ['signup', 'login', 'second_factor', 'sms', 'reset'].map((flow) => [
    `flow_${flow}`,
    account(flow).made,
  ]),
)

/**
 * Values of a setting, each with the step that sets it, by what takes it away from them. The check of each holds
 * at its own value, not at the one below it, and holds again on the way up.
 */
const LADDERS: Record<string, { name: string; rungs: [value: string, step?: string][] }> = {
  'maintenance_off: it is on; maintenance_on: it is off': {
    name: MAINTENANCE,
    rungs: [['false', 'maintenance_off'], ['true', 'maintenance_on'], ['']],
  },
  'percent_100: it is 50; percent_50: it is 10; percent_10: it is 0': {
    name: PERCENT,
    rungs: [['100', 'percent_100'], ['50', 'percent_50'], ['10', 'percent_10'], ['0']],
  },
}

/** Steps that change nothing and prove what others did: first, for what is lost later is logged. */
const PROOFS: Losses = {
  key_reached: {
    'the log shows it': logged(() => ({ level: 'info', message: keyOf() })),
  },
  log_clean: {
    'an error is logged': logged(() => ({ level: 'error', message: 'no vault' })),
  },
  'healthy, deploy_git': { 'it is stopped': stopped },
}

const IMAGE = 'lockr:2.4.0'
const previous = linked(stage, 'lockr', '2.3.0', '2.4.0')
const ENV_FILE = () => at('config/.env.production')
/** Those of docker, with the same release in place. */
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
test('every step that changes something has a loss of its effect here, by kubernetes, or where the plain text is gone', async () => {
  const { runbook: read } = await loadRunbook(NAME, stage.place().root)
  const changing = read.steps.filter((s) => s.rollback.kind !== 'none').map((s) => s.id)
  const atTheEnd = lossesAtTheEnd(stage, run)
  const byKubernetes = lossesByKubernetes(stage)
  const lost = casesOf({ ...LOSSES, ...BY_DOCKER, ...byKubernetes, ...atTheEnd })
  const onLadders = Object.values(LADDERS).flatMap(({ rungs }) =>
    rungs.flatMap(([, step]) => step ?? []),
  )
  const steps = [...lost.flatMap(([step]) => step.split(', ')), ...onLadders]
  expect([...new Set(steps)].sort()).toEqual(changing.sort())
})

test('deployed to the last step that can be undone, a share that was set before is not made smaller', async () => {
  expect(statusOf(deployed, 'percent_10')).toBe('skipped')
  const there = await picture()
  expect(there.version).toEqual({ version: '2.4.0' })
  expect(there.health).toMatchObject({ maintenance: false, tracking_percent: 100 })
  expect(there.main).not.toBe(system.before().main)
})

test('deployed again, it leaves as it is what is there', async () => {
  const there = await picture()
  // Those that are skipped where they hold; the first migration is like the others, but takes a backup.
  const steps = [
    ...['source_tree', 'encryption_constraints', 'security_views'],
    ...['key_git', 'encrypt_values', 'deploy_git'],
  ]
  // What they are proved by, and what they would be rolled back to.
  const asked = [
    ...['source_commit', 'before_source', 'encryption_key', 'before_version', 'before_migrations'],
    ...['to_encrypt', 'before_commit'],
  ]
  const again = ended(await deploy('--only', [...asked, ...steps].join()))
  expect(idsOf(again, 'satisfied')).toEqual(steps)
  expect((await tool('rollback', again.run)).stderr).toContain('has nothing to undo')
  // People go on to log in, which their rows tell.
  expect(await picture()).toEqual({ ...there, rows: expect.any(Array) as unknown })
})

test.each([...casesOf(PROOFS), ...casesOf(LOSSES)])('%s: %s', (step, _how, take) =>
  stage.expectToDependOn(run(), step, take, EARLIER[step]),
)

test.each(Object.entries(LADDERS))('%s', async (_, { name, rungs }) => {
  const put = (at: number) => call(`scripts/setting.sh set ${name} '${rungs[at]?.[0]}'`)
  const expectOf = async (at: number, answer: Answer) => {
    const step = rungs[at]?.[1]
    if (step === undefined) return
    expect(await stage.ask(run(), step, answer === 'holds')).toMatchObject({ answer })
  }
  await expectOf(0, 'holds')
  for (let at = 1; at < rungs.length; at += 1) {
    await put(at)
    await expectOf(at - 1, 'does_not_hold')
    await expectOf(at, 'holds')
  }
  for (let at = rungs.length - 2; at >= 0; at -= 1) {
    await put(at)
    await expectOf(at, 'holds')
  }
})

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
    const eventually = (what: (asked: Awaited<ReturnType<typeof stage.ask>>) => void) =>
      vi.waitFor(async () => what(await stage.ask(run(), 'percent_100')), {
        timeout: 40_000,
        interval: 500,
      })
    const putBack = await takeAway()
    try {
      await eventually(({ answer, expressions }) => {
        expect(answer).toBe('does_not_hold')
        expect(expressions.join()).toContain(expression)
      })
    } finally {
      await putBack()
      // The figures are of the last seconds; with a restart they begin anew.
      await restart()
    }
    await eventually(({ answer }) => expect(answer).toBe('holds'))
  })

  test('the database half as slow again, the answers a tenth slower, beyond the noise', async () => {
    const known = await findRun(here().session.store, { run: run() })
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
      const scope = { ...scopeOf(here().bound, { run: run(), outputs }), web }
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
    expect(await stage.ask(run(), 'log_clean')).toMatchObject({ answer: 'cannot_tell' })
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

test('rolled back, all is as it was before, a share of the feature as well', async () => {
  const watching = watchProcesses(50)
  const undone = ended(await tool('rollback', run(), '-o', 'json'))
  expect(undone.status).toBe('rolled_back')
  expect(idsOf(undone, 'undone')).toEqual(expect.arrayContaining(['maintenance_on', 'percent_50']))
  expect(await picture()).toEqual(set)
  await call(`scripts/setting.sh set ${PERCENT} ''`)
  await expectAsBefore()
  seen += await watching.stop()
})

deployedBy('docker', BY_DOCKER, system, stage)

// At the end: whoever reads the journal as a file lets go of this process's lock on it.
test('no secret was seen', () => {
  expect(system.secretsSeen(seen)).toEqual([])
})
