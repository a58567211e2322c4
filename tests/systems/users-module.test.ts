/**
 * The users module in its sandbox: the deployment by each of its strategies, its ways back and a release that is
 * not healthy, for real. Every check fails when what it proves is taken away, and holds again when it is back.
 */
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFileSync, readdirSync } from 'node:fs'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { evaluate } from '../../src/core/expressions.ts'
import type { Attempt } from '../../src/core/runbook.ts'
import { loadRunbook } from '../../src/language/load.ts'
import { runbook, summaryOf, type Summary } from '../tool.ts'
import { replaced } from '../sandbox/hands.ts'
import { client, input, type Picture } from '../sandbox/place.ts'
import { expectEveryRow } from '../sandbox/rows.ts'
import { casesOf, stageIn } from '../sandbox/stage.ts'
import {
  ended,
  idsOf,
  mails,
  pictureOf,
  rollBackInParts,
  rolledBackByItself,
  SECRET,
  systemOf,
  wouldOf,
} from '../sandbox/system.ts'
import { lossesOf, restartedWith, UNIT, type Deployed } from './users-module.losses.ts'

// Real servers and a real build, on a machine that may be busy with other tests.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 240_000 })

const NAME = 'users-module'
/** What a release needs to be put in place, and the way back. */
const RELEASE = [
  ...['environment_file', 'before_schema', 'backup', 'migration', 'build_release'],
  ...['before_version', 'before_switch', 'before_link', 'before_image', 'before_container'],
  ...['image', 'switch_docker', 'switch_node', 'switch_kubernetes', 'healthy'],
]
/** And what depends on how that is done. */
const CORE = [
  ...RELEASE,
  ...['pool_fits', 'log_clean', 'container_log_clean', 'autoscaling'],
  ...['read_replica', 'replica_read', 'process_recovery', 'diagnostics'],
]
/** What is found to be there when it is deployed again. */
const SETTLED = ['environment_file', 'migration', 'build_release', 'switch_docker']
const only = (...steps: string[]): string[] => ['--only', steps.join(',')]

const system = systemOf(NAME, pictureOf('database_url'), true)
const { deploy, deployed, expectAsBefore, picture, rollBackAll, tool, watched } = system
const stage = stageIn(NAME, system)
beforeAll(() => stage.connect('database_url'))
afterAll(() => stage.leave())
const { at, call, expectToDependOn, fileOf, version } = stage
const db = () => stage.database()

const runs: Summary[] = []
const whole: Deployed = { run: '', backup: '', drill: '' }
const { losses, proofs } = lossesOf(stage, whole)
const OF_OTHERS = ['switch_node', 'switch_kubernetes', 'autoscaling']

test('the sandbox starts with a previous release and users whom TypeORM made room for', () => {
  const before = system.before()
  expect(before.version).toEqual({ version: '1.0.0' })
  expect(before.healthy).toBe(true)
  const { schema = [], rows = [] } = before.databases['database_url'] ?? {}
  expect(schema.join('\n')).not.toContain('refresh_tokens')
  expect(rows.filter((row) => row.startsWith('INSERT INTO users.users ')).length).toBe(40)
  expect(rows.join('\n')).toContain('CreateUsers1735689600000')
})

test('every step that changes something has a loss of its effect here', async () => {
  const { runbook: written } = await loadRunbook(NAME, system.place().root)
  const changing = written.steps.filter((s) => s.rollback.kind !== 'none').map((s) => s.id)
  const lost = Object.keys(losses).flatMap((steps) => steps.split(', '))
  expect(new Set(lost)).toEqual(new Set([...changing, 'healthy']))
})

/** Deployed in short by a strategy: some steps are done, and the new release serves, also after these losses; and goes back. */
function deployedBy(strategy: string, lost: string[], done: string[]): void {
  let run = ''
  beforeAll(async () => {
    const ran = await deployed('--var', `strategy=${strategy}`, ...only(...CORE))
    run = ran.run
    runs.push(ran)
    expect(idsOf(ran, 'done')).toEqual(expect.arrayContaining(done))
  })
  test.each(casesOf(losses, ...lost))('%s: %s', (step, _how, take) =>
    expectToDependOn(run, step, take),
  )
  test('the new release serves; rolled back, all is as it was before', async () => {
    expect(await version()).toEqual({ version: '1.1.0' })
    expect(ended(await tool('rollback', run, '-o', 'json')).status).toBe('rolled_back')
    expect(await rollBackAll()).toBe(0)
    await expectAsBefore()
  })
}

describe('deployed by node', () => {
  deployedBy('node', ['switch_node'], ['switch_node', 'log_clean'])
})

describe('deployed by kubernetes', () => {
  const changing = ['switch_kubernetes', 'autoscaling']
  deployedBy('kubernetes', changing, changing)
})

test('a release that is not healthy is rolled back by itself, and the previous one serves its data', async () => {
  await rolledBackByItself(system, ...only(...RELEASE))
})

describe('a container that does not start', () => {
  const failing = (what: string) => ({ STANDIN_FAIL: `docker ${what}` })
  const id = () => call('docker', 'inspect', '--format', '{{.Id}}', UNIT)
  const serves = async () => ({ ...((await version()) as object), id: await id() })

  test('costs the one that served nothing: tried again, half undone, or never begun', async () => {
    const before = await serves()
    const steps = [
      ...['environment_file', 'build_release', 'before_version', 'before_container', 'image'],
      'switch_docker',
    ]
    const stopped = async (...args: string[]) => {
      const { root } = stage.place()
      const ran = await runbook(root, [...args, '-o', 'json'], { env: failing('run') })
      expect(ran.code, ran.stderr).toBe(3)
      return summaryOf(ran).run
    }
    const toStop = ['--on-failure', 'stop', '--var', 'settle=1s', ...only(...steps)]
    const run = await stopped('deploy', NAME, '--env', 'sandbox', ...toStop)
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
    expect(ended(await tool('rollback', run, '-o', 'json')).status).toBe('rolled_back')
    expect(await serves()).toEqual(before)
  })
})

/** What the application has said until now. */
const log = () => readFileSync(at('logs/app.log'), 'utf8').split('\n')

describe('deployed as a container', () => {
  let there: Picture
  let saidBefore = 0

  test('whole, in a sandbox that lasts as long as the command: the new release serves its tables, also later, and the team is told', async () => {
    saidBefore = log().length
    await stage.leave()
    await system.letDown()
    const sentBefore = mails(system.place()).length
    const first = ended(await watched(deploy, 50))
    await system.keepUp()
    await stage.connect('database_url')
    expect(first.status).toBe('succeeded')
    runs.push(first)
    expect(mails(system.place()).slice(sentBefore)).toEqual([
      expect.stringMatching(new RegExp(`^To: team@[^]*^sandbox: succeeded .run ${first.run}`, 'm')),
    ])
    there = await picture()
    expect(there.version).toEqual({ version: '1.1.0' })
    expect(there.databases['database_url']?.schema.join('\n')).toContain('users.refresh_tokens')
    whole.run = first.run
    whole.backup = await fileOf(first.run, 'backup')
    whole.drill = await fileOf(first.run, 'restore_drill')
  })

  test('in these runs every row of the document was done', () => {
    expectEveryRow(NAME, runs)
  })

  // The proofs first: an account that is taken away takes its tokens with it for good.
  test.each(casesOf({ ...proofs, ...losses }).filter(([step]) => !OF_OTHERS.includes(step)))(
    '%s: %s',
    async (steps, _how, take) => expectToDependOn(whole.run, steps, take),
  )

  describe('recovery', () => {
    test('the process was killed: it had no time to say that it ends, and is there again', () => {
      const lines = log().slice(saidBefore - 1)
      const said = lines.flatMap((line) => /"(listening|stopping)"/.exec(line)?.[1] ?? [])
      // One served then as one serves now, and one never said that it ends.
      expect(said.filter((one) => one === 'listening').length).toBe(
        said.filter((one) => one === 'stopping').length + 1,
      )
    })

    test("cron's command dumps the database that was deployed to", async () => {
      const [settings = '', command = ''] = readFileSync(
        at('config/cron.d/tickr-backup'),
        'utf8',
      ).split(/^#.*\n.*postgres {2}/m)
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
      const file = () => at('config/.env.production')
      const putBack = await restartedWith(
        stage,
        replaced(file, /^JWT_SECRET=.*/m, `JWT_SECRET=${other}`),
      )()
      const { status } = await asked('/api/users/me', accessToken)
      await putBack()
      expect((await asked('/api/users/me', accessToken)).status).toBe(200)
      expect(hinted('profile', { status })).toContain('JWT_SECRET')
      await db().query('DELETE FROM users.users WHERE email = $1', [email])
    })
  })

  describe('what the document would have done', () => {
    const owner = () => client(input(stage.here(), 'database_url'))

    test('a second container on the port of the first does not start', async () => {
      const published = ['--publish', '127.0.0.1:3000:3000', 'tickr-backend:1.1.0']
      await expect(call('docker', 'run', '--detach', ...published)).rejects.toThrow()
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

  test('again, and rolled back by scope and, where the migration cannot be, from the backup: all is as it was before, and no secret was seen', async () => {
    await watched(async () => {
      const again = await deployed(...only(...CORE, 'backup_schedule'))
      expect(idsOf(again, 'satisfied')).toEqual([...SETTLED, 'backup_schedule'])
      await rollBackInParts(system, whole.run, there, {
        migrating: 'migration',
        view: 'CREATE VIEW users.visits AS SELECT event FROM users.audit_log',
      })
    }, 50)
    expect(system.secretsSeen()).toEqual([])
  })
})

test.each(['staging', 'prod'])(
  'a plan for %s is sound, and shows no secret',
  async (environment) => {
    const steps = await system.planFor(
      environment,
      {
        DATABASE_URL: 'postgresql://tickr:none@127.0.0.1:9/tickr',
        DB_HOST: '127.0.0.1',
        MAIL_URL: `smtps://tickr:${SECRET}@mail.example.com`,
        DB_PASSWORD: `${SECRET}-1`,
        JWT_SECRET: `${SECRET}-2`,
        TRIAL_SECRET: `${SECRET}-3`,
      },
      '--var',
      'release=1.1.0',
      '--offline',
    )
    expect(wouldOf(steps)).toMatchObject({
      unit_tests: 'run',
      switch_docker: 'unknown',
      switch_node: 'skipped',
      switch_kubernetes: 'skipped',
    })
  },
)
