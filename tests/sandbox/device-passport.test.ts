/** Device passports in their sandbox: the deployment, its ways back and a release that is not healthy, for real. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { watchProcesses } from '../canaries.ts'
import type { Summary } from '../tool.ts'
import { takePicture, type Open, type Picture, type Place } from './place.ts'
import { expectEveryRow } from './rows.ts'
import { ended, idsOf, SECRET, statusOf, systemOf, wouldOf } from './system.ts'

// Real servers and a real build, on a machine that may be busy with other tests.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 120_000 })

const NAME = 'device-passport'
/** The tests of the source need no second and third time. */
const WITHOUT_TESTS = ['--from', 'secrets_strong']

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

test('deployed, and again, and rolled back by scope and whole: all is as it was before, and no secret was seen', async () => {
  const watching = watchProcesses()
  const ran = await deploy()
  const first = ended(ran)
  expect(first.status).toBe('succeeded')
  runs.push(first)
  const there = await picture()
  expect(there.version).toEqual({ version: 'v1.1.0' })
  expect(there.files['origin refs']).toContain('refs/tags/v1.0.0')
  expect(there.databases['database_url']?.schema.join('\n')).toContain('audit_log')

  const again = await deploy(...WITHOUT_TESTS, '--to', 'switch_compose')
  expect(idsOf(ended(again), 'satisfied')).toEqual([
    'api_environment',
    'web_environment',
    'previous_tagged',
    'source_at_release',
    'least_privilege',
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

test('the sandbox stays up from here on', system.keepUp)

test('deployed by kubernetes, and rolled back', async () => {
  const ran = await deployed(
    '--var',
    'strategy=kubernetes',
    ...WITHOUT_TESTS,
    '--to',
    'hours_1_to_4',
  )
  expect(statusOf(ran, 'switch_kubernetes')).toBe('done')
  runs.push(ran)
  expect((await picture()).version).toEqual({ version: 'v1.1.0' })
  await rollBackAll()
  await expectAsBefore()
})

test('in these runs every row of the document was done', () => {
  expectEveryRow(NAME, runs)
})

test('a release that is not healthy is rolled back by itself, and the previous one serves its data', async () => {
  const summary = ended(await deploy('--var', 'release=broken', ...WITHOUT_TESTS), 4)
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
        USERS_TOLD_AT: '2026-01-31T02:00:00Z',
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
