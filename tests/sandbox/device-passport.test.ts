/** Device passports in their sandbox: the deployment, its ways back and a release that is not healthy, for real. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { watchProcesses } from '../canaries.ts'
import { redis } from '../checks/redis-server.ts'
import { start, type Summary } from '../tool.ts'
import { takePicture, type Open, type Picture, type Place } from './place.ts'
import { expectEveryRow } from './rows.ts'
import { ended, idsOf, mails, SECRET, statusOf, systemOf, wouldOf } from './system.ts'

// Real servers and a real build, on a machine that may be busy with other tests.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 120_000 })

const NAME = 'device-passport'
/** What a release needs to be put in place, and the way back. */
const CORE = [
  ...['before_version', 'before_source', 'source_at_release', 'before_web'],
  ...['before_containers', 'before_deployments', 'images_kept'],
  ...['before_rights', 'least_privilege', 'before_schema', 'before_migrations'],
  ...['backup', 'migrations', 'images_compose', 'images_kubernetes', 'before_switch'],
  ...['switch_compose', 'switch_kubernetes', 'healthy'],
]
const only = (...steps: string[]): string[] => ['--only', steps.join(',')]

const system = systemOf(NAME, passports)
const { deploy, deployed, expectAsBefore, picture, rollBackAll, tool } = system
const runs: Summary[] = []

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

test('where there is no redis-server its steps are skipped, and it says how to come by one', async () => {
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

test('deployed, and again, and rolled back by scope and whole: people are told, all is as it was before, and no secret was seen', async () => {
  const sentBefore = mails(system.place()).length
  const watching = watchProcesses()
  const ran = await deploy()
  const first = ended(ran)
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
  // From here on the commands share one running sandbox, which is quicker.
  await system.keepUp()
  const there = await picture()
  expect(there.version).toEqual({ version: 'v1.1.0' })
  expect(there.files['origin refs']).toContain('refs/tags/v1.0.0')
  expect(there.databases['database_url']?.schema.join('\n')).toContain('audit_log')

  const settled = ['previous_tagged', 'api_environment', 'web_environment']
  const again = await deploy(...only(...CORE, ...settled, 'backup_access', 'backup_schedule'))
  expect(idsOf(ended(again), 'satisfied')).toEqual([
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
  ended(await tool('rollback', '-o', 'json'))

  const part = await tool('rollback', first.run, '--scope', 'app', '-o', 'json')
  expect(ended(part).status).toBe('partly_rolled_back')
  const half = await picture()
  expect(half.version).toEqual(system.before().version)
  expect(half.databases['database_url']?.schema).toEqual(there.databases['database_url']?.schema)
  await rollBackAll()
  await expectAsBefore()

  expect(system.secretsSeen(await watching.stop())).toEqual([])
})

test('deployed by kubernetes; where the migrations cannot be taken back, the backup is restored by name', async () => {
  const ran = await deployed('--var', 'strategy=kubernetes', ...only(...CORE, 'pods_ready'))
  expect(statusOf(ran, 'switch_kubernetes')).toBe('done')
  runs.push(ran)
  expect((await picture()).version).toEqual({ version: 'v1.1.0' })

  // A view that somebody has built on a new table.
  await system.sql('CREATE VIEW visits AS SELECT event, count(*) FROM audit_log GROUP BY event')
  const stuck = await tool('rollback')
  expect(stuck.code, stuck.stderr).toBe(5)
  expect(stuck.stderr).toContain('other objects depend on it')
  expect(stuck.stderr).toContain('--last-resort migrations')
  const restored = ended(await tool('rollback', '--last-resort', 'migrations', '-o', 'json'))
  expect(restored.status).toBe('rolled_back')
  await expectAsBefore()
})

test(`in these runs every row of the document was done${redis ? '' : ' but DP-09, for want of a redis-server'}`, () => {
  expectEveryRow(NAME, runs, redis ? [] : ['DP-09'])
})

test('it is the release that is told and tested: one whose tests fail goes no further', async () => {
  const steps = ['before_version', 'before_source', 'source_at_release', 'release_notes']
  const untested = ['--var', 'release=untested', ...only(...steps, 'web_tests')]
  const summary = ended(await deploy(...untested), 4)
  expect(idsOf(summary, 'failed')).toEqual(['web_tests'])
  await expectAsBefore()
})

test('a release that is not healthy is rolled back by itself, and the previous one serves its data', async () => {
  const broken = ['--var', 'release=broken', '--var', 'settle=3s']
  const summary = ended(await deploy(...broken, ...only(...CORE)), 4)
  expect(summary.status).toBe('rolled_back')
  expect(idsOf(summary, 'failed')).toEqual(['healthy'])
  await expectAsBefore()
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
