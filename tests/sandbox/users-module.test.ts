import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { runbook, summaryOf, type Ran, type Summary } from '../tool.ts'
import { expectEveryRow } from './rows.ts'
import { makePlace, takePicture, type Picture, type Place } from './place.ts'

// Real servers and a real build, on a machine that may be busy with other tests.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 120_000 })

const NAME = 'users-module'
/** The tests of the source need no second and third time. */
const WITHOUT_TESTS = ['--from', 'secrets_strong']

let place: Place
let before: Picture
const runs: Summary[] = []
beforeAll(async () => {
  place = makePlace(NAME)
  before = await takePicture(place, NAME)
})
afterAll(() => place.dispose())

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

const expectAsBefore = async () => expect(await takePicture(place, NAME)).toEqual(before)

test('the sandbox starts with a previous release and users whom TypeORM made room for', () => {
  expect(before.version).toEqual({ version: '1.0.0' })
  expect(before.healthy).toBe(true)
  const { schema = [], rows = [] } = before.databases['database_url'] ?? {}
  expect(schema.join('\n')).not.toContain('refresh_tokens')
  expect(rows.filter((row) => row.startsWith('INSERT INTO users.users ')).length).toBe(40)
  expect(rows.join('\n')).toContain('CreateUsers1735689600000')
})

test('deployed as a container, and again, and rolled back: all is as it was before', async () => {
  const first = summaryOf(await good(deploy()))
  expect(first.status).toBe('succeeded')
  runs.push(first)
  const deployed = await takePicture(place, NAME)
  expect(deployed.version).toEqual({ version: '1.1.0' })
  expect(deployed.databases['database_url']?.schema.join('\n')).toContain('users.refresh_tokens')

  const again = summaryOf(await good(deploy(...WITHOUT_TESTS)))
  const satisfied = again.steps.filter((s) => s.status === 'satisfied').map((s) => s.id)
  expect(satisfied).toEqual([
    'environment_file',
    'migration',
    'build_release',
    'switch_docker',
    'backup_schedule',
  ])
  await good(tool('rollback'))

  const part = summaryOf(await good(tool('rollback', first.run, '--scope', 'app', '-o', 'json')))
  expect(part.status).toBe('partly_rolled_back')
  const half = await takePicture(place, NAME)
  expect(half.version).toEqual(before.version)
  expect(half.databases['database_url']?.schema).toEqual(deployed.databases['database_url']?.schema)
  await rollBackAll()
  await expectAsBefore()
})

test.each(['kubernetes', 'node'])('deployed by %s and rolled back', async (strategy) => {
  const ran = summaryOf(await good(deploy('--var', `strategy=${strategy}`, ...WITHOUT_TESTS)))
  expect(ran.status).toBe('succeeded')
  runs.push(ran)
  const scaled = ran.steps.find((s) => s.id === 'autoscaling')?.status
  expect(scaled).toBe(strategy === 'kubernetes' ? 'done' : 'skipped')
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
    const ran = await runbook(
      place.root,
      ['plan', NAME, '--env', environment, '--var', 'release=1.1.0', '--offline', '-o', 'json'],
      {
        env: {
          DATABASE_URL: 'postgresql://tickr:none@127.0.0.1:9/tickr',
          DB_HOST: '127.0.0.1',
          DB_PASSWORD: `${secret}-1`,
          JWT_SECRET: `${secret}-2`,
          TRIAL_SECRET: `${secret}-3`,
        },
      },
    )
    expect(ran.code, ran.stderr).toBe(0)
    expect(ran.stdout).not.toContain(secret)
  },
)
