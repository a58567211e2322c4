/**
 * Logins by OAuth deployed whole in their sandbox, and taken back, with everybody there. Meanwhile: every check
 * fails when what it proves is taken away, four known troubles are recognised, and what the document's commands
 * really do.
 */
import { execFile } from 'node:child_process'
import { appendFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { judge } from '../../src/core/expressions.ts'
import { openOutputs } from '../../src/engine/outputs.ts'
import { scopeOf } from '../../src/engine/runtime.ts'
import { findRun } from '../../src/engine/session.ts'
import { loadRunbook } from '../../src/language/load.ts'
import { load } from '../../src/lib/load.ts'
import { start, summaryOf, type Summary } from '../tool.ts'
import { backend, told } from './backend.ts'
import { client, input } from '../sandbox/place.ts'
import {
  changed,
  cutOff,
  moved,
  readable,
  replaced,
  rows,
  statement,
  values,
} from '../sandbox/hands.ts'
import { expectEveryRow } from '../sandbox/rows.ts'
import { casesOf, stageIn, type Losses, type TakeAway } from '../sandbox/stage.ts'
import { idsOf, statusOf, systemOf } from '../sandbox/system.ts'

// Real servers and real logins, on a machine that may be busy with other tests.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 240_000 })

const NAME = 'oauth-login'
const execute = promisify(execFile)

let run = ''
let commit = ''
let backup = ''
/** What became of the whole run, at its end and after its way back. */
const runs: Summary[] = []
/** Those who were there meanwhile. */
let seen: Seen

const system = systemOf(NAME, backend, true)
const { expectAsBefore, picture, place, tool } = system
const stage = stageIn(NAME, system)
const { at, here } = stage
beforeAll(async () => {
  await stage.connect('database_url')
  commit = await commitOf('1.1.0')
  seen = await visited(
    ['deploy', NAME, '--env', 'sandbox', '--no-input', '--var', `commit=${commit}`],
    /"step.armed".*switch_rolling@backend-1/,
    /"step.done".*switch_rolling@backend-2/,
    { PATH: sleepByVisitors() },
  )
  const whole = summaryOf(await tool('status', '-o', 'json'))
  runs.push(whole)
  run = whole.run
  backup = await stage.fileOf(run, 'backup')
  await stage.call('docker', 'build', '--tag', 'backend-api:1.1.0', at('releases/1.1.0'))
})
afterAll(() => stage.leave())
const on = () => stage.database()

const served = (): string => join(place().root, 'served')

interface Seen {
  requests: number
  failed: number
}

/** Requests without a pause, from many at once, until they are stopped; how many it says in a file. */
function visitors(): { stop: () => Promise<Seen> } {
  const seen: Seen = { requests: 0, failed: 0 }
  const wanted = { method: 'get', url: `${input(system.here(), 'app_url')}/version`, headers: {} }
  const { signal } = new AbortController()
  const some = { requests: 200, connections: 20, signal, progress: () => undefined }
  let going = true
  const all = (async () => {
    while (going) {
      const { figures } = await load(wanted, some)
      seen.requests += figures.requests
      seen.failed += figures.failed
      writeFileSync(served(), String(seen.requests))
    }
  })()
  return {
    async stop() {
      going = false
      await all
      return seen
    },
  }
}

/** Where `sleep` is no matter of time: an instance is warm when so many visitors were served. */
function sleepByVisitors(): string {
  const bin = join(place().root, 'bin')
  mkdirSync(bin)
  const script = `#!/bin/sh
case $RUNBOOK_HOST in backend-1) enough=2600 ;; backend-2) enough=5200 ;; *) exec /bin/sleep "$@" ;; esac
until [ "$(cat '${served()}' 2> /dev/null || echo 0)" -ge "$enough" ] 2> /dev/null; do /bin/sleep 0.05; done
`
  writeFileSync(join(bin, 'sleep'), script, { mode: 0o755 })
  return `${bin}:${process.env['PATH']}`
}

/** Runs a command with visitors from one of its events to another; their requests. */
async function visited(args: string[], from: RegExp, to: RegExp, env = {}): Promise<Seen> {
  const { child, ran } = start(place().root, [...args, '-o', 'ndjson'], { env })
  let events = ''
  let there: ReturnType<typeof visitors> | undefined
  let all: Promise<Seen> | undefined
  child.stdout?.on('data', (text: string) => {
    events += text
    if (from.test(events)) there ??= visitors()
    if (to.test(events)) all ??= there?.stop()
  })
  const { code, stderr } = await system.watched(() => ran, 50)
  expect(code, stderr).toBe(0)
  if (all === undefined) throw new Error('nobody was there')
  return all
}

async function commitOf(tag: string): Promise<string> {
  const git = ['-C', at('origin.git'), 'rev-parse', `${tag}^{commit}`]
  return (await execute('git', git)).stdout.trim()
}

/** A deploy of a part that is to fail, and is given up as it stands or undone; what it said. */
async function failing(
  part: string,
  end = ['rollback'],
  to = ['1.1.0', commit],
  vars: string[] = [],
): Promise<string> {
  const given = ['--var', `release=${to[0]}`, '--var', `commit=${to[1]}`, '--on-failure', 'stop']
  given.push(...vars)
  const args = ['deploy', NAME, '--env', 'sandbox', '--no-input', '-o', 'json', '--only', part]
  const ran = await tool(...args, ...given)
  expect(ran.code, ran.stderr).toBe(3)
  const [command = '', ...more] = end
  const done = await tool(command, summaryOf(ran).run, ...more)
  expect(done.code, done.stderr).toBe(0)
  return ran.stderr
}

/** A command as a person at a terminal would give it. */
async function call(line: string, cwd = at('releases/1.1.0')): Promise<string> {
  const sandbox = join(stage.place().root, 'sandbox')
  const { stdout } = await execute('bash', ['--norc', '-c', line], {
    cwd,
    env: {
      ...client(input(here(), 'database_url')),
      DATABASE_URL: input(here(), 'database_url'),
      PATH: `${sandbox}/oauth-login/bin:${sandbox}/shared/bin:${process.env['PATH']}`,
      NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'],
      RELEASES: at('releases'),
    },
  })
  return stdout
}
const called =
  (take: string, back: string): TakeAway =>
  async () => {
    await call(take)
    return () => call(back)
  }

// ── how the effect of each step that changes something can be lost ─────────

const env = () => at('config/backend.env')
const upload = () => at(`s3/prosight-backups/database/${backup.split('/').at(-1)}`)

/** As a load balancer would find the first instance: the other one serves. */
const first = (order: string) => `SANDBOX_HOST=backend-1 systemctl ${order} backend-api`
const linked = (release: string) =>
  `ln -sfn ${release} "$RELEASES/current-backend-1" && ${first('restart')}`
const bothLinked = (release: string) =>
  `for host in 1 2; do ln -sfn ${release} "$RELEASES/current-backend-$host"; done && systemctl restart backend-api`

/** The accounts that tried it are removed at the end of a run; here they are again. */
const trial = (by: 'google' | 'github') => `runbook-${run}-${by}@clinic.example`
const trialIs = (by: 'google' | 'github') => () => `t.email = '${trial(by)}'`
const accounts: TakeAway = async () => {
  for (const [by, role, localId] of [
    ['google', 'guest', 'VNW001'],
    ['github', 'nurse', null],
  ] as const)
    await on().query(
      `INSERT INTO users (id, email, provider, subject, role, "localId")
       VALUES (gen_random_uuid(), $1, $2, 'trial', $3, $4)`,
      [trial(by), by, role, localId],
    )
  return () => on().query(`DELETE FROM users WHERE subject = 'trial'`)
}
const WITH_ACCOUNTS = new Set(['google_by_script', 'github_by_script', 'local_id', 'role'])

const LOSSES: Losses = {
  fetch: {
    'the tag is gone': called(
      'git -C "$RELEASES/../backend" tag --delete 1.1.0',
      'git -C "$RELEASES/../backend" fetch --quiet --tags origin',
    ),
  },
  checkout: {
    'it is gone': moved(() => at('releases/1.1.0')),
    'a file has another content': changed(
      () => at('releases/1.1.0/src/login.ts'),
      (file) => appendFileSync(file, '\n'),
    ),
  },
  dependencies: {
    'one is gone': moved(() => at('releases/1.1.0/vendor/zod')),
    'another version is asked for': replaced(
      () => at('releases/1.1.0/requirements.txt'),
      /^zod==.*/m,
      'zod==3.0.0',
    ),
  },
  backup: {
    'it is cut off': cutOff(() => backup, 3000),
    'it is gone': moved(() => backup),
  },
  upload: { 'it is gone': moved(upload), 'it is cut off': cutOff(upload, 3000) },
  migration: {
    'the revision is the one before': statement(
      on,
      `UPDATE alembic_version SET version_num = '9a0ea82c4ee9'`,
      `UPDATE alembic_version SET version_num = '7b4280a50047'`,
    ),
    'the column has lost its capitals': statement(
      on,
      'ALTER TABLE users RENAME "localId" TO localId',
      'ALTER TABLE users RENAME localId TO "localId"',
    ),
    'the column is of another type': statement(
      on,
      'ALTER TABLE users ALTER "localId" TYPE text',
      'ALTER TABLE users ALTER "localId" TYPE varchar(50)',
    ),
    'the default is another role': statement(
      on,
      `ALTER TABLE users ALTER role SET DEFAULT 'user'`,
      `ALTER TABLE users ALTER role SET DEFAULT 'guest'`,
    ),
  },
  // Their checks are the same.
  'switch_rolling, switch_systemd, switch_reload, switch_compose': {
    'one instance does not serve': called(first('stop'), first('start')),
  },
  switch_rolling: {
    'the previous release serves in one instance': called(linked('1.0.0'), linked('1.1.0')),
  },
  // Of what serves there is always an image.
  image: {
    'it is not there': called(
      `${bothLinked('1.0.0')} && docker rmi backend-api:1.1.0`,
      `docker build --tag backend-api:1.1.0 "$RELEASES/1.1.0" && ${bothLinked('1.1.0')}`,
    ),
  },
  google_by_script: { 'the account is gone': rows(on, 'users', trialIs('google')) },
  github_by_script: { 'the account is gone': rows(on, 'users', trialIs('github')) },
  local_id: {
    'it is not assigned': values(on, 'users', trialIs('google'), '"localId" = NULL'),
    'it is another': values(on, 'users', trialIs('google'), `"localId" = 'VNW002'`),
  },
  role: { 'it is another': values(on, 'users', trialIs('github'), `role = 'guest'`) },
  clean_up: { 'an account is there': accounts },
}

/** Steps that change nothing and prove something: their checks can fail as well. */
const PROOFS: Losses = {
  credentials: {
    'a secret is another': replaced(env, /^GOOGLE_CLIENT_SECRET=.*/m, 'GOOGLE_CLIENT_SECRET=x'),
    'a variable is missing': replaced(env, /^POSTGRES_DB=.*\n/m, ''),
    'others can read it': readable(env),
  },
  users_untouched: {
    'somebody has another role': values(
      on,
      'users',
      () => `t.email = 'person2@clinic.example'`,
      `role = 'guest'`,
    ),
    'somebody is gone': rows(on, 'users', () => `t.email = 'person2@clinic.example'`),
    'somebody has a local id already': values(
      on,
      'users',
      () => `t.email = 'person2@clinic.example'`,
      `"localId" = 'X'`,
    ),
  },
  healthy: {
    'nothing serves': called('systemctl stop backend-api', 'systemctl start backend-api'),
  },
  log_clean: {
    'an error is in the log': changed(
      () => at('logs/backend-api.log'),
      (file) => appendFileSync(file, '2099-01-01 00:00:00,000 ERROR app.admin: it failed\n'),
    ),
  },
}

test('the sandbox starts with the previous release on two machines, and forty people of whom none is a guest', () => {
  const before = system.before()
  expect(before.versions).toEqual(['1.0.0', '1.0.0'])
  expect(before.healthy).toEqual([true, true])
  const people = before.rows.filter((row) => row.startsWith('INSERT INTO public.users '))
  expect(people.length).toBe(40)
  expect(people.filter((row) => row.includes("'guest'"))).toEqual([])
  expect(before.schema.join('\n')).not.toContain('localId')
})

test('deployed while thousands of requests came in: none of them failed', async () => {
  expect(seen.requests).toBeGreaterThan(5000)
  expect(seen.failed).toBe(0)
  expect(runs[0]?.status).toBe('succeeded')
  const there = await picture()
  expect(there.versions).toEqual(['1.1.0', '1.1.0'])
  expect(there.links).toEqual(['1.1.0', '1.1.0'])
  expect(there.schema.join('\n')).toContain('"localId" character varying(50)')
  expect(there.rows.filter((row) => row.includes('runbook-'))).toEqual([])
})

test('every step that changes something has a loss of its effect here', async () => {
  const { runbook: loaded } = await loadRunbook(NAME, stage.place().root)
  const changing = loaded.steps.filter((s) => s.rollback.kind !== 'none').map((s) => s.id)
  const lost = Object.keys(LOSSES).flatMap((steps) => steps.split(', '))
  expect(new Set(lost)).toEqual(new Set(changing))
})

test('deployed again, it leaves as it is what is there', async () => {
  const part = ['--from', 'fetch', '--to', 'healthy', '--skip', 'unit_tests,integration_tests']
  const deployed = () => system.deployed('--var', `commit=${commit}`, ...part)
  const again = await system.watched(deployed, 50)
  expect(idsOf(again, 'satisfied')).toEqual([
    ...['checkout@backend-1', 'checkout@backend-2'],
    ...['dependencies@backend-1', 'dependencies@backend-2'],
    'migration@here',
    ...['switch_rolling@backend-1', 'switch_rolling@backend-2'],
  ])
})

test('the report of the run has what the document asks for, filled in', async () => {
  const { stdout: report } = await tool('report', run)
  expect(report).toMatch(/^\| Begun \| 20\d\d-\d\d-\d\dT\S+ by \S+/m)
  expect(report).toMatch(/^\| Took \| \d/m)
  expect(report).toContain(`| \`commit\` | \`${commit}\` |`)
  expect(report).toContain('| Status | **succeeded**, exit code 0 |')
  expect(report).toMatch(/^\| As people see it \| QA \| ~30m \| .* done, 2 skipped \|$/m)
  for (const figure of ['login_success_rate', 'average_response_ms', 'error_rate'])
    expect(report).toMatch(new RegExp(`^\\| \`facts\` \\| \`${figure}\` \\| \`[\\d.]+\` \\|$`, 'm'))
  expect(report).toMatch(/^\| Downtime \| none seen, in \d+ samples in /m)
  expect(report).toMatch(/^\| `balancer` \| `failed` \| `switch_rolling@backend-2`, while it was /m)
  for (const part of ['Issues', 'Deviations', 'Next steps', 'Contacts and escalation'])
    expect(report).toContain(`\n## ${part}\n`)
  expect(report).toContain('#prosight-oncall')
})

test.each([...casesOf(LOSSES), ...casesOf(PROOFS)])('%s: %s', async (names, _how, take) => {
  const { steps } = here().plan
  const firsts = names.split(', ').map((name) => {
    const one = steps.find(({ id }) => id.replace(/@.*/, '') === name)
    return one?.id ?? name
  })
  const earlier = WITH_ACCOUNTS.has(names) ? accounts : undefined
  await stage.expectToDependOn(run, firsts.join(', '), take, earlier)
})

describe('what is deployed', () => {
  const part = 'fetch,release_commit,merged'

  test('is no branch that nobody has merged', async () => {
    const said = await failing(part, undefined, ['unmerged', await commitOf('unmerged')])
    expect(said).toContain('✗ merged@backend-1 failed')
  })

  test('is no tag that names another commit', async () => {
    const said = await failing(part, undefined, ['1.1.0', await commitOf('1.0.0')])
    expect(said).toContain('✗ release_commit@backend-1 failed')
  })
})

describe('thresholds', () => {
  /** What the expectations of a step say of these figures, with the outputs of the run. */
  async function judged(id: string, figures: object, of = 'verify') {
    const known = await findRun(here().session.store, { run })
    const step = here().plan.steps.find((s) => s.id === id)
    const [check] = step?.verify ?? []
    const { action } = check ?? {}
    const probes = action?.verb === 'soak' ? action.probes : {}
    const expects = { act: step?.act, verify: check, ...probes }[of]?.expect
    if (known === undefined || expects === undefined) throw new Error(`no such step: ${id}`)
    const outputs = openOutputs(here().bound, known.plan, known.state)
    const scope = scopeOf(here().bound, { run, outputs })
    return judge(expects, { ...scope, ...figures }, (text) => text).answer
  }
  const [GOOD, BAD] = ['holds', 'does_not_hold']

  test('fewer than nine of ten logins in the window end the watch; too few logins prove nothing', async () => {
    const now = (success_rate: number, attempts: bigint) =>
      judged('watch@here', { status: 200n, json: { logins: { attempts, success_rate } } }, 'web')
    expect([await now(0.9, 20n), await now(0.89, 20n), await now(1, 4n)]).toEqual([GOOD, BAD, BAD])
  })

  test('over the whole watch 95 % of logins, half as many errors again, three times the time of before', async () => {
    const known = await findRun(here().session.store, { run })
    const usual = known?.state.steps.get('baseline')?.outputs as Record<string, number>
    const errors = (usual['errors'] ?? 0) * 1.5 + Number(here().bound.inputs['noise_rate'])
    const time = (usual['response_ms'] ?? 0) * 3 + Number(here().bound.inputs['noise_ms'])
    const over = (success: number, errorsNow: number, timeNow: number) => {
      const mean = (of: number) => ({ mean: of })
      const web = { success: mean(success), errors: mean(errorsNow), response_ms: mean(timeNow) }
      return judged('watch@here', { web, database: { connections: mean(1), slow: mean(0) } })
    }
    expect(await over(0.96, errors * 0.99, time * 0.99)).toBe(GOOD)
    expect(await over(0.95, errors * 0.99, time * 0.99)).toBe(BAD)
    expect(await over(0.96, errors * 1.01, time * 0.99)).toBe(BAD)
    expect(await over(0.96, errors * 0.99, time * 1.01)).toBe(BAD)
  })

  test('a database that is busy for more than its share ends the watch', async () => {
    const inputs = { ...here().bound.inputs, cpu_percent: 80 }
    const at = (percent: bigint) => judged('watch@here', { inputs, json: { percent } }, 'processor')
    expect([await at(80n), await at(81n)]).toEqual([GOOD, BAD])
    const share = ['--var', 'cpu_percent=-1']
    const said = await failing('traffic,baseline,watch', undefined, undefined, share)
    expect(said).toContain('json.percent <= inputs.cpu_percent')
  })

  test('people who cannot log in end the watch of a release that is well otherwise', async () => {
    const mood = at('mood.json')
    writeFileSync(mood, JSON.stringify({ failing_logins: 100 }))
    const rate = async () => {
      const answer = await fetch(`${input(here(), 'app_url')}/metrics.json`)
      return ((await answer.json()) as { logins: { success_rate: number } }).logins.success_rate
    }
    await vi.waitFor(async () => expect(await rate()).toBeLessThan(0.8), {
      timeout: 30_000,
      interval: 250,
    })
    expect(await failing('baseline,watch')).toContain('json.logins.success_rate >= 0.90')
    rmSync(mood)
  })

  test('a backup of less than half or more than twice the size of the one before is none', async () => {
    const of = (size: number) =>
      judged('backup', { size: BigInt(size), previous: { size: 10_000n } }, 'act')
    expect([await of(9_000), await of(5_000), await of(20_000)]).toEqual([GOOD, BAD, BAD])
  })
})

// That a service does not start is told where a broken release is deployed.
describe('known troubles, recognised by what they look like', () => {
  test('the column is there, and alembic does not know', async () => {
    await on().query(`UPDATE alembic_version SET version_num = '9a0ea82c4ee9'`)
    const only = 'before_schema,backup,before_revision,migration'
    const said = await failing(only, ['abandon', '--reason', 'mended by hand'])
    await on().query(`UPDATE alembic_version SET version_num = '7b4280a50047'`)
    expect(said).toContain('already exists')
    expect(said).toContain('Part of the migration is there already.')
  })

  test('a provider does not take the secret of the service', async () => {
    const putBack = await replaced(
      env,
      /^GOOGLE_CLIENT_SECRET=.*/m,
      `GOOGLE_CLIENT_SECRET=${'x'.repeat(32)}`,
    )()
    await call('systemctl restart backend-api')
    expect(await failing('credentials')).toContain('Put them into backend.env')
    const said = await failing('google_by_script')
    expect(said).toContain('The provider refused, or the service could not ask it.')
    await putBack()
    await call('systemctl restart backend-api')
  })

  test('an administrator cannot do anything, though the login works', async () => {
    await on()
      .query(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$;
      CREATE TRIGGER refuse BEFORE UPDATE ON users FOR EACH ROW WHEN (NEW."localId" IS NOT NULL) EXECUTE FUNCTION refuse()`)
    const said = await failing('google_by_script,local_id').finally(() =>
      on().query('DROP TRIGGER refuse ON users; DROP FUNCTION refuse'),
    )
    expect(said).toContain('The service cannot do it, whoever asks.')
  })
})

describe('what the document says, and what it does', () => {
  test('a name with capitals that is not quoted is another name', async () => {
    for (const statement of [
      'SELECT id, email, role, localId FROM users LIMIT 5',
      'SELECT COUNT(*) FROM users WHERE localId IS NULL',
    ])
      await expect(on().query(statement)).rejects.toThrow('column "localid" does not exist')
  })

  test('a plain dump cannot be listed by pg_restore, and put back over what is there it collides', async () => {
    const plain = at('backups/plain.sql')
    await call(`pg_dump > '${plain}'`)
    await expect(call(`pg_restore --list '${plain}'`)).rejects.toThrow('text format')
    const { stderr } = await execute('psql', ['-qf', plain], {
      env: client(input(here(), 'database_url')),
    })
    expect(stderr).toContain('relation "users" already exists')
  })

  test('the code before, checked out first, has not the file that the way down needs', async () => {
    await expect(call('alembic downgrade -1', at('releases/1.0.0'))).rejects.toMatchObject({
      code: 255,
      stdout: expect.stringContaining(
        "Can't locate revision identified by '7b4280a50047'",
      ) as string,
    })
  })

  test('pg_stat_statements has no total_time', async () => {
    await expect(
      on().query('SELECT query FROM pg_stat_statements ORDER BY total_time'),
    ).rejects.toThrow('column "total_time" does not exist')
  })

  test('aws takes no second backup along', async () => {
    const two = `'${at('backups/plain.sql')}' '${backup}'`
    await expect(call(`aws s3 cp ${two} s3://prosight-backups/database/`)).rejects.toThrow()
  })
})

test('the whole of it is taken back while requests come in, by the backup in place of the way down: none of them fails, and all is as it was before', async () => {
  await stage.leave()
  const [mails, messages] = [told(place(), 'mail').length, told(place(), 'messages').length]
  const from = await visited(
    ['rollback', run, '--last-resort', 'migration'],
    /"undo.armed".*switch_rolling@backend-2/,
    /"undo.done".*switch_rolling@backend-1/,
  )
  await expectAsBefore()
  expect(from.requests).toBeGreaterThan(0)
  expect(from.failed).toBe(0)

  // OA-13: everybody by mail, the team in its chat; why and what follows is asked of a person.
  expect(told(place(), 'mail').slice(mails)).toEqual([
    expect.stringMatching(/^Subject: The deployment was rolled back[^]*taken back in sandbox/m),
  ])
  expect(told(place(), 'messages').slice(messages).join()).toContain(`rolled_back (run ${run}`)
  const undone = summaryOf(await tool('status', run, '-o', 'json'))
  expect(undone.status).toBe('rolled_back')
  expect(statusOf(undone, 'reason')).toBe('done')
  runs.push(undone)
})

test('in this run every row of the document was done', () => {
  expectEveryRow(NAME, runs)
})

test('in all this no secret of the sandbox was in any output, record, log or command line', async () => {
  expect(system.secretsSeen()).toEqual([])
})
