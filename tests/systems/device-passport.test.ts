/**
 * Device passports in their sandbox: the deployment by each of its strategies, its ways back and a release that is
 * not healthy, for real. Every check fails when what it proves is taken away; and what the document's commands
 * really do.
 */
import { execFileSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { loadRunbook } from '../../src/language/load.ts'
import { shownWhile } from '../canaries.ts'
import { redis, titled } from '../checks/redis-server.ts'
import { start, type Summary } from '../tool.ts'
import { API, COMPOSE, imagesOf, lossesOf, REDIS, type Deployed } from './device-passport.losses.ts'
import { input, takePicture, type Open, type Picture, type Place } from '../sandbox/place.ts'
import { expectEveryRow } from '../sandbox/rows.ts'
import { casesOf, stageIn } from '../sandbox/stage.ts'
import {
  ended,
  idsOf,
  mails,
  rollBackInParts,
  rolledBackByItself,
  SECRET,
  statusOf,
  systemOf,
  wouldOf,
} from '../sandbox/system.ts'

// Real servers and a real build, on a machine that may be busy with other tests.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 240_000 })

const NAME = 'device-passport'
/** What a release needs to be put in place, and the way back. */
const CORE = [
  ...['before_version', 'before_source', 'source_at_release', 'before_web'],
  ...['before_containers', 'before_deployments', 'images_kept'],
  ...['before_rights', 'least_privilege', 'before_schema', 'before_migrations'],
  ...['backup', 'migrations', 'images_compose', 'images_kubernetes', 'before_switch'],
  ...['switch_compose', 'switch_kubernetes', 'healthy'],
]
const TRIALS = ['trial_account', 'trial_device', 'qr_scan', 'trial_change']
const OF_KUBERNETES = ['images_kubernetes', 'switch_kubernetes']
const only = (...steps: string[]): string[] => ['--only', steps.join(',')]

const system = systemOf(NAME, passports, true)
const { deploy, deployed, expectAsBefore, picture, tool, watched } = system
const stage = stageIn(NAME, system)
beforeAll(() => stage.connect('database_url'))
afterAll(() => stage.leave())
const { at, expectToDependOn, fileOf, sh, version } = stage
const db = () => stage.database()

const runs: Summary[] = []
const whole: Deployed = { run: '', trials: '', backup: '', drill: '' }
const { losses, proofs, ofRedis } = lossesOf(stage, whole)

/**
 * What there is. Of git's own folders what they are for: where the source is, and which tags there are.
 * Images that were built stay, and are folders of the machine.
 */
async function passports(place: Place, here: Open): Promise<Picture> {
  const seen = await takePicture(place, here, ['database_url'])
  const files = Object.entries(seen.files).filter(
    ([path]) =>
      !/^srv\/(source\/\.git|origin\.git)(\/|$)|^releases\/(v1\.1\.0|broken)(\/|$)/.test(path),
  )
  const git = (folder: string, ...args: string[]) =>
    execFileSync('git', ['-C', join(place.machine, folder), ...args], { encoding: 'utf8' })
  const refs = {
    'source refs': git('srv/source', 'for-each-ref', '--format=%(refname) %(objectname)'),
    'source head':
      readFileSync(join(place.machine, 'srv/source/.git/HEAD'), 'utf8') +
      git('srv/source', 'status', '--porcelain'),
    'origin refs': git('srv/origin.git', 'for-each-ref', '--format=%(refname) %(objectname)'),
  }
  return { ...seen, files: { ...Object.fromEntries(files), ...refs } }
}

test('the sandbox starts with the previous release, people and devices, and no trace of a deployment', () => {
  const before = system.before()
  expect(before.version).toEqual({ version: 'v1.0.0' })
  expect(before.healthy).toBe(true)
  expect(before.files['releases/current-api']).toBe('-> v1.0.0')
  expect(before.files['config/api/.env.production']).toBeUndefined()
  expect(before.files['origin refs']).not.toContain('v1.0.0')
  const { schema = [], rows = [] } = before.databases['database_url'] ?? {}
  expect(schema.join('\n')).not.toContain('audit_log')
  expect(rows.filter((row) => row.startsWith('INSERT INTO public.devices ')).length).toBe(60)
})

test('every step that changes something has a loss of its effect here', async () => {
  const { runbook } = await loadRunbook(NAME, system.place().root)
  const changing = runbook.steps.filter((s) => s.rollback.kind !== 'none').map((s) => s.id)
  expect(new Set(Object.keys(losses))).toEqual(new Set(changing))
})

// From the previous release and back to it.
describe('deployed by kubernetes', () => {
  let run = ''
  beforeAll(async () => {
    const ran = await deployed('--var', 'strategy=kubernetes', ...only(...CORE, 'pods_ready'))
    expect(statusOf(ran, 'switch_kubernetes')).toBe('done')
    runs.push(ran)
    run = ran.run
  })
  test.each(casesOf(losses, ...OF_KUBERNETES))('%s: %s', (step, _how, take) =>
    expectToDependOn(run, step, take),
  )

  test('rollout undo goes back, and a second time forward again', async () => {
    const undo = 'kubectl rollout undo deployment/api && kubectl rollout status deployment/api'
    const serving = async () =>
      (
        (await (await fetch(`${input(stage.here(), 'api_url')}/api/version`)).json()) as {
          version: string
        }
      ).version
    await sh(undo)
    expect(await serving()).toBe('v1.0.0')
    await sh(undo)
    expect(await serving()).toBe('v1.1.0')
  })

  test('get pods ends well whatever becomes of them', async () => {
    await sh(`kubectl set image deployment/api api=${API}:never-made`)
    await sh('kubectl get pods')
    expect(await stage.ask(run, 'pods_ready')).toMatchObject({ answer: 'does_not_hold' })
    await sh(`kubectl set image deployment/api api=${API}:v1.1.0`)
  })

  test('the new release serves; rolled back, all is as it was before', async () => {
    expect(await version()).toEqual({ version: 'v1.1.0' })
    expect(ended(await tool('rollback', run, '-o', 'json')).status).toBe('rolled_back')
    await expectAsBefore()
  })
})

test('it is the release that is told and tested: one whose tests fail goes no further', async () => {
  const steps = ['before_version', 'before_source', 'source_at_release', 'release_notes']
  const untested = ['--var', 'release=untested', ...only(...steps, 'web_tests')]
  const summary = ended(await deploy(...untested), 4)
  expect(idsOf(summary, 'failed')).toEqual(['web_tests'])
  await expectAsBefore()
})

test('a release that is not healthy is rolled back by itself, and the previous one serves its data', async () => {
  await rolledBackByItself(system, ...only(...CORE))
})

test('where there is no redis-server its steps are skipped, and it says how to come by one', async () => {
  // The one that is up has a Redis; the next commands start their own.
  await stage.leave()
  await system.letDown()
  const bin = join(system.place().root, 'bin')
  mkdirSync(bin)
  for (const folder of (process.env['PATH'] ?? '').split(':').reverse())
    for (const tool of existsSync(folder) ? readdirSync(folder) : [])
      if (!tool.startsWith('redis-')) {
        rmSync(join(bin, tool), { force: true })
        symlinkSync(join(folder, tool), join(bin, tool))
      }
  const args = ['deploy', NAME, '--env', 'sandbox', '--no-input']
  const { ran } = start(
    system.place().root,
    [...args, ...only('redis_missing', 'redis_fit', 'healthy')],
    { env: { PATH: bin } },
  )
  const { code, stderr } = await ran
  expect(code, stderr).toBe(0)
  expect(stderr).toMatch(/apt-get install -y redis-server/)
  expect(stderr).toContain('redis_fit skipped: when inputs.redis == "there" is false')
  expect(stderr).toMatch(/healthy checked: .*parts: database\) holds/)
})

describe('deployed by compose', () => {
  let there: Picture

  test('whole, in a sandbox that lasts as long as the command: the new release serves, also later, and people are told', async () => {
    const sentBefore = mails(system.place()).length
    const first = ended(await watched(deploy))
    await system.keepUp()
    await stage.connect('database_url')
    expect(first.status).toBe('succeeded')
    runs.push(first)
    expect(mails(system.place()).slice(sentBefore)).toEqual([
      expect.stringMatching(
        /^To: users@[^]*^Subject: Maintenance of[^]*^On 20\d\d-[^]* version v1\.1\.0/m,
      ),
      expect.stringMatching(/^To: support@[^]*v1\.1\.0[^]*^### Known issues$[^]*retired device/m),
      expect.stringMatching(/^To: users@[^]*^Since 20\d\d-/m),
      expect.stringMatching(new RegExp(`^To: team@[^]*sandbox: succeeded .run ${first.run}`, 'm')),
    ])
    there = await picture()
    expect(there.version).toEqual({ version: 'v1.1.0' })
    expect(there.files['origin refs']).toContain('refs/tags/v1.0.0')
    expect(there.databases['database_url']?.schema.join('\n')).toContain('audit_log')
    whole.run = first.run
    whole.backup = await fileOf(first.run, 'backup')
    whole.drill = await fileOf(first.run, 'recovery_drill')
  })

  test(`in these runs every row of the document was done${redis ? '' : ' but DP-09, for want of a redis-server'}`, () => {
    expectEveryRow(NAME, runs, redis ? [] : ['DP-09'])
  })

  test('again: what is there is found to be so', async () => {
    const settled = ['previous_tagged', 'api_environment', 'web_environment']
    const again = await watched(() =>
      deployed(...only(...CORE, ...settled, 'backup_access', 'backup_schedule', ...TRIALS)),
    )
    expect(idsOf(again, 'satisfied')).toEqual([
      'previous_tagged',
      'source_at_release',
      'api_environment',
      'web_environment',
      'least_privilege',
      'backup_access',
      'backup_schedule',
      'migrations',
      'switch_compose',
    ])
    // Its trials stay until it is rolled back.
    whole.trials = again.run
  })

  test.each(casesOf({ ...proofs, ...losses }).filter(([step]) => !OF_KUBERNETES.includes(step)))(
    '%s: %s',
    (steps, _how, take) =>
      expectToDependOn(
        TRIALS.some((one) => steps.includes(one)) ? whole.trials : whole.run,
        steps,
        take,
      ),
  )
  test.skipIf(!redis).each(casesOf(ofRedis))(titled('%s: %s'), (step, _how, take) =>
    expectToDependOn(whole.run, step, take),
  )

  test('up --force-recreate after down makes the same containers anew: no way back', async () => {
    await sh(`${COMPOSE} down && ${COMPOSE} up --detach --force-recreate`, imagesOf('v1.1.0'))
    expect(await version()).toEqual({ version: 'v1.1.0' })
  })

  test('curl ends well when what it gets is an error', async () => {
    const health = '"$API_URL/api/health" --silent --output /dev/null'
    await sh(`${COMPOSE} stop api`, imagesOf('v1.1.0'))
    try {
      await sh(`curl ${health}`)
      await expect(sh(`curl --fail ${health}`)).rejects.toMatchObject({ code: 22 })
    } finally {
      await sh(`${COMPOSE} start api`, imagesOf('v1.1.0'))
    }
  })

  test('all privileges on a database are none on its tables', async () => {
    await db().query('BEGIN')
    await db().query('CREATE SCHEMA away CREATE TABLE later (id int)')
    await db().query('GRANT ALL PRIVILEGES ON DATABASE device_passport TO app_user')
    const { rows: may } = await db().query(
      `SELECT has_table_privilege('app_user', 'away.later', 'SELECT') AS reads,
              has_database_privilege('app_user', 'device_passport', 'CREATE') AS makes_schemas`,
    )
    await db().query('ROLLBACK')
    expect(may).toEqual([{ reads: false, makes_schemas: true }])
  })

  test('migration:revert takes back one of two', async () => {
    const migration = 'node --disable-warning=ExperimentalWarning apps/api/scripts/migration.ts'
    const env = { DATABASE_URL: input(stage.here(), 'staging_database_url') }
    const applied = async () => (await sh(`${migration} show`, env)).match(/^\[X\] .*$/gm)
    await sh(`${migration} run`, env)
    await sh(`${migration} revert`, env)
    expect(await applied()).toEqual(['[X] 001_base', '[X] 002_audit_log'])
    await sh(`${migration} revert --to 001_base`, env)
    expect(await applied()).toEqual(['[X] 001_base'])
  })

  test('openssl prints the dates of a certificate that ends tomorrow, and ends well', async () => {
    const cert = at('tomorrow.pem')
    await sh(`openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
      -keyout /dev/null -out '${cert}' -days 1 -subj /CN=tomorrow 2> /dev/null`)
    expect(await sh(`openssl x509 -noout -dates -in '${cert}'`)).toContain('notAfter=')
    const inTwoWeeks = `openssl x509 -noout -checkend ${14 * 86_400} -in '${cert}'`
    await expect(sh(inTwoWeeks)).rejects.toMatchObject({ code: 1 })
    rmSync(cert)
  })

  test('the formatter ends well and leaves other files than were tested', async () => {
    const copy = at('formatting')
    await sh(`mkdir -p '${copy}/scripts' && cp scripts/format.ts '${copy}/scripts'`)
    writeFileSync(`${copy}/scripts/unlike.ts`, 'export   const x = "1";')
    const format = `node '${copy}/scripts/format.ts'`
    await expect(sh(`${format} --check`)).rejects.toMatchObject({ code: 1 })
    expect(await sh(format)).toContain('1 files written')
    rmSync(copy, { recursive: true })
  })

  test('psql with an address shows the password to whoever lists processes; as the runbook asks, it does not', async () => {
    const url = input(stage.here(), 'database_url')
    const asked = (how: string) =>
      shownWhile(() => sh(`${how} --command='SELECT pg_sleep(0.2)'`, { URL: url }), url)
    expect(await asked('psql "$URL"')).toBe(true)
    expect(await asked('psql')).toBe(false)
  })

  test.skipIf(!redis)(
    titled('redis-cli -a shows the password as well; REDISCLI_AUTH does not'),
    async () => {
      const password = input(stage.here(), 'redis_password')
      const ping = (how: string, env: object) =>
        shownWhile(() => sh(`${REDIS} ${how} -i 0.1 -r 3 ping`, { ...env }), password)
      expect(await ping('-a "$WORD"', { WORD: password })).toBe(true)
      expect(await ping('', { REDISCLI_AUTH: password })).toBe(false)
    },
  )

  test('rolled back by scope and, where the migrations cannot be, from the backup: all is as it was before, and no secret was seen', async () => {
    await watched(async () => {
      const again = ended(await tool('rollback', whole.trials, '-o', 'json'))
      expect(statusOf(again, 'images_kept')).toBe('undone')
      await rollBackInParts(system, whole.run, there, {
        migrating: 'migrations',
        view: 'CREATE VIEW visits AS SELECT event, count(*) FROM audit_log GROUP BY event',
      })
    })
    expect(system.secretsSeen()).toEqual([])
  })
})

test.each(['staging', 'prod'])(
  'a plan for %s is sound, and shows no secret',
  async (environment) => {
    const names = ['DB', 'REDIS', 'ADMIN', 'TRIAL'].map((name) => `${name}_PASSWORD`)
    const secrets = [...names, 'JWT_SECRET', 'JWT_REFRESH_SECRET']
    const steps = await system.planFor(
      environment,
      {
        DATABASE_URL: 'postgresql://owner:none@127.0.0.1:9/device_passport',
        STAGING_DATABASE_URL: 'postgresql://owner:none@127.0.0.1:9/staging',
        DB_HOST: 'db.example.com',
        REDIS_URL: 'rediss://redis.example.com:6379',
        MAIL_URL: `smtps://passport:${SECRET}@mail.example.com`,
        ...Object.fromEntries(secrets.map((name) => [name, `${SECRET}-${name}`])),
      },
      '--var',
      'release=v1.1.0',
      '--offline',
    )
    expect(wouldOf(steps)).toMatchObject({
      api_tests: 'run',
      switch_compose: 'unknown',
      switch_kubernetes: 'skipped',
      redis_missing: 'skipped',
    })
  },
)
