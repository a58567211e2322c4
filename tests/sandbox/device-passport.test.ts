/** Device passports in their sandbox: the deployment, its ways back and a release that is not healthy, for real. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { filesUnder, finder, watchProcesses } from '../canaries.ts'
import { runbook, summaryOf, type Ran, type Summary } from '../tool.ts'
import { expectEveryRow } from './rows.ts'
import { makePlace, takePicture, type Picture, type Place } from './place.ts'

// Real servers and a real build, on a machine that may be busy with other tests.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 120_000 })

const NAME = 'device-passport'
/** The tests of the source need no second and third time. */
const WITHOUT_TESTS = ['--from', 'secrets_strong']

let place: Place
let before: Picture
const runs: Summary[] = []
beforeAll(async () => {
  place = makePlace(NAME)
  before = await picture()
})
afterAll(() => place.dispose())

/**
 * What there is. Of git's own folders what they are for: where the source is, and which tags there are.
 * Images that were built stay, and are folders of the machine.
 */
async function picture(): Promise<Picture> {
  const seen = await takePicture(place, NAME)
  const files = Object.entries(seen.files).filter(
    ([path]) => !/^(source\/\.git|origin\.git)(\/|$)|^releases\/(v1\.1\.0|broken)(\/|$)/.test(path),
  )
  const git = (folder: string, ...args: string[]) =>
    execFileSync('git', ['-C', join(place.machine, folder), ...args], { encoding: 'utf8' })
  const refs = {
    'source refs': git('source', 'for-each-ref', '--format=%(refname) %(objectname)'),
    'source head':
      readFileSync(join(place.machine, 'source/.git/HEAD'), 'utf8') +
      git('source', 'status', '--porcelain'),
    'origin refs': git('origin.git', 'for-each-ref', '--format=%(refname) %(objectname)'),
  }
  return { ...seen, files: { ...Object.fromEntries(files), ...refs } }
}

const tool = (...args: string[]): Promise<Ran> => runbook(place.root, args)
const deploy = (...more: string[]) =>
  tool('deploy', NAME, '--env', 'sandbox', '--no-input', '-o', 'json', ...more)

async function good(ran: Promise<Ran>): Promise<Ran> {
  const ended = await ran
  expect(ended.code, ended.stderr).toBe(0)
  return ended
}

async function rollBackAll(): Promise<void> {
  for (let times = 0; times < 5; times += 1) {
    const { stderr } = await good(tool('rollback'))
    if (stderr.includes('nothing left to undo')) return
  }
  throw new Error('there is always something left')
}

const expectAsBefore = async () => expect(await picture()).toEqual(before)

test('the sandbox starts with the previous release, people and devices, and no trace of a deployment', () => {
  expect(before.version).toEqual({ version: 'v1.0.0' })
  expect(before.healthy).toBe(true)
  expect(before.files['releases/current-api']).toBe('-> v1.0.0')
  expect(before.files['config/api/.env.production']).toBeUndefined()
  expect(before.files['origin refs']).not.toContain('v1.0.0')
  const { schema = [], rows = [] } = before.databases['database_url'] ?? {}
  expect(schema.join('\n')).not.toContain('audit_log')
  expect(rows.filter((row) => row.startsWith('INSERT INTO public.devices ')).length).toBe(60)
})

test('deployed, and again, and rolled back by scope and whole: all is as it was before, and no secret was seen', async () => {
  const watching = watchProcesses()
  const ran = await good(deploy())
  const first = summaryOf(ran)
  expect(first.status).toBe('succeeded')
  runs.push(first)
  const deployed = await picture()
  expect(deployed.version).toEqual({ version: 'v1.1.0' })
  expect(deployed.files['origin refs']).toContain('refs/tags/v1.0.0')
  expect(deployed.databases['database_url']?.schema.join('\n')).toContain('audit_log')

  const again = await good(deploy(...WITHOUT_TESTS, '--to', 'switch_compose'))
  const satisfied = summaryOf(again).steps.filter((s) => s.status === 'satisfied')
  expect(satisfied.map((s) => s.id)).toEqual([
    'api_environment',
    'web_environment',
    'previous_tagged',
    'source_at_release',
    'least_privilege',
    'backup_schedule',
    'migrations',
    'switch_compose',
  ])
  await good(tool('rollback'))

  const part = await good(tool('rollback', first.run, '--scope', 'app', '-o', 'json'))
  expect(summaryOf(part).status).toBe('partly_rolled_back')
  const half = await picture()
  expect(half.version).toEqual(before.version)
  expect(half.databases['database_url']?.schema).toEqual(deployed.databases['database_url']?.schema)
  await rollBackAll()
  await expectAsBefore()

  const own = join(place.root, '.runbook')
  const stores = filesUnder(own).filter((file) => /^random\/|\/password$/.test(file))
  expect(stores).toContain(`random/${NAME}/sandbox/jwt_secret`)
  const find = finder(
    new Map(stores.map((file) => [file, readFileSync(join(own, file), 'utf8').trim()])),
  )
  // Left out: where the secrets are kept, and the folders that are the sandbox's machines.
  const files = filesUnder(
    own,
    (path) => stores.includes(path) || path === 'key' || /^services\/.*\/data\//.test(path),
  )
  expect(files).toContain('journal.db')
  const logs = join(place.machine, 'logs')
  expect([
    ...find(await watching.stop()),
    ...[ran, again, part].flatMap(({ stdout, stderr }) => find(stdout + stderr)),
    ...files.flatMap((file) => find(readFileSync(join(own, file))).map((s) => `${s} in ${file}`)),
    ...filesUnder(logs).flatMap((file) =>
      find(readFileSync(join(logs, file))).map((s) => `${s} in ${file}`),
    ),
  ]).toEqual([])
})

test('deployed by kubernetes, and rolled back', async () => {
  const ran = summaryOf(
    await good(deploy('--var', 'strategy=kubernetes', ...WITHOUT_TESTS, '--to', 'hours_1_to_4')),
  )
  expect(ran.steps.find((s) => s.id === 'switch_kubernetes')?.status).toBe('done')
  runs.push(ran)
  expect((await picture()).version).toEqual({ version: 'v1.1.0' })
  await rollBackAll()
  await expectAsBefore()
})

test('in these runs every row of the document was done', () => {
  expectEveryRow(NAME, runs)
})

test('a release that is not healthy is rolled back by itself, and the previous one serves its data', async () => {
  const ran = await deploy('--var', 'release=broken', ...WITHOUT_TESTS)
  expect(ran.code, ran.stderr).toBe(4)
  const summary = summaryOf(ran)
  expect(summary.status).toBe('rolled_back')
  expect(summary.steps.filter((s) => s.status === 'failed').map((s) => s.id)).toEqual(['healthy'])
  await expectAsBefore()
})

test.each(['staging', 'prod'])(
  'a plan for %s is sound, and shows no secret',
  async (environment) => {
    const secret = 'one-that-opens-nothing-0123456789abcdef'
    const names = ['DB', 'REDIS', 'ADMIN', 'TRIAL'].map((name) => `${name}_PASSWORD`)
    const secrets = [...names, 'JWT_SECRET', 'JWT_REFRESH_SECRET']
    const ran = await runbook(
      place.root,
      ['plan', NAME, '--env', environment, '--var', 'release=v1.1.0', '--offline', '-o', 'json'],
      {
        env: {
          DATABASE_URL: 'postgresql://owner:none@127.0.0.1:9/device_passport',
          STAGING_DATABASE_URL: 'postgresql://owner:none@127.0.0.1:9/staging',
          DB_HOST: 'db.example.com',
          REDIS_URL: 'rediss://redis.example.com:6379',
          USERS_TOLD_AT: '2026-01-31T02:00:00Z',
          ...Object.fromEntries(secrets.map((name) => [name, `${secret}-${name}`])),
        },
      },
    )
    expect(ran.code, ran.stderr).toBe(0)
    expect(ran.stdout).not.toContain(secret)
    const { steps } = JSON.parse(ran.stdout) as { steps: { id: string; would: string }[] }
    const would = Object.fromEntries(steps.map((s) => [s.id, s.would]))
    expect(would).toMatchObject({
      api_tests: 'run',
      switch_compose: 'unknown',
      switch_kubernetes: 'skipped',
      redis_missing: 'skipped',
    })
  },
)
