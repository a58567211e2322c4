import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { runbook, start, summaryOf, type Ran, type Summary } from '../tool.ts'
import { expectEveryRow } from './rows.ts'
import { makePlace, takePicture, type Picture, type Place } from './place.ts'

// Real servers and a real build, on a machine that may be busy with other tests.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 120_000 })

const NAME = 'qr-login'
/** The tests of the source need no second and third time. */
const WITHOUT_TESTS = ['--from', 'schema_backup']

let place: Place
let before: Picture
beforeAll(async () => {
  place = makePlace(NAME)
  before = await picture()
})
afterAll(() => place.dispose())

const picture = () => takePicture(place, NAME, ['database_url', 'staging_database_url'])
const tool = (...args: string[]): Promise<Ran> => runbook(place.root, args)
const deploy = (...more: string[]) => tool('deploy', NAME, '--env', 'sandbox', ...more)

async function good(ran: Promise<Ran>): Promise<Ran> {
  const ended = await ran
  expect(ended.code, ended.stderr).toBe(0)
  return ended
}

/** Rolls back until the tool says that nothing is left. How often it undid something. */
async function rollBackAll(): Promise<number> {
  for (let times = 0; times < 10; times += 1) {
    const { stderr } = await good(tool('rollback'))
    if (stderr.includes('nothing left to undo')) return times
  }
  throw new Error('there is always something left')
}

/** The machine as it was, whatever was deployed in between. */
async function expectAsBefore(): Promise<void> {
  expect(await picture()).toEqual(before)
}

const statusOf = (summary: Summary, id: string) => summary.steps.find((s) => s.id === id)?.status

test('the sandbox starts with a previous release, rows in both databases and no trace of a deployment', () => {
  expect(before.version).toEqual({ version: '1.0.0' })
  expect(before.healthy).toBe(true)
  expect(before.files['releases/current']).toBe('-> 1.0.0')
  expect(before.files['config/.env.production']).toBeUndefined()
  for (const { schema, rows } of Object.values(before.databases)) {
    expect(schema.join('\n')).toContain('CREATE TABLE public."User"')
    expect(schema.join('\n')).not.toContain('GuestStaffQRToken')
    expect(rows.filter((row) => row.startsWith('INSERT INTO')).length).toBeGreaterThan(30)
  }
})

test('deployed, deployed again, rolled back by scope and whole: all is as it was before', async () => {
  const first = await good(deploy())
  const screen = first.stderr.slice(first.stderr.lastIndexOf('is deployed to') - 40)
  expect(screen).toContain('qr-login 1.0 is deployed to sandbox')
  expect(screen).toMatch(/app_url +http:\/\/127\.0\.0\.1:\d+/)
  // QR-26: six phases, what each took beside what was estimated.
  const timeline = [
    ['Pre-deployment validation', '30m'],
    ['Database migration', '45m'],
    ['Data seeding', '20m'],
    ['Application deployment', '30m'],
    ['Functional testing', '45m'],
    ['Performance, monitoring and sign-off', '30m'],
  ]
  for (const [phase, estimate] of timeline)
    expect(screen).toMatch(new RegExp(`${phase} +[\\d.]+ m?s of ~${estimate} .*\\d+ done`))
  const run = /run +(\d{8}-\d{6}-[0-9a-f]{4})/.exec(screen)?.[1] ?? 'none'
  expect(screen).toContain(`runbook rollback ${run}`)

  const status = await good(tool('status', run))
  for (const [phase, estimate] of timeline)
    expect(status.stdout).toMatch(new RegExp(`${phase} +[\\d.]+ m?s of ~${estimate} `))
  const summary = summaryOf(await good(tool('status', run, '-o', 'json')))
  expect(summary.status).toBe('succeeded')
  expectEveryRow(NAME, [summary])

  const deployed = await picture()
  expect(deployed.version).toEqual({ version: '1.1.0' })
  expect(deployed.files['releases/current']).toBe('-> 1.1.0')
  expect(deployed.databases['database_url']?.schema.join('\n')).toContain('GuestStaffQRToken')

  const verified = await good(tool('verify', NAME, '--env', 'sandbox'))
  expect(verified.stdout).toMatch(/: (\d+) of \1 checks hold/)

  const again = summaryOf(await good(deploy('-o', 'json')))
  const satisfied = again.steps.filter((s) => s.status === 'satisfied').map((s) => s.id)
  expect(satisfied).toEqual([
    'environment_file',
    'staging_trial',
    'token_table',
    'permissions',
    'role_permissions',
    'build_release',
    'switch_systemd',
    'monitoring_files',
  ])

  // Of the newest run there are only the traces of its trials to remove.
  await good(tool('rollback'))
  expect(await picture()).toEqual(deployed)

  const part = summaryOf(await good(tool('rollback', run, '--scope', 'app', '-o', 'json')))
  expect(part.status).toBe('partly_rolled_back')
  expect(statusOf(part, 'switch_systemd')).toBe('undone')
  expect(statusOf(part, 'token_table')).toBe('done')
  const half = await picture()
  expect(half.version).toEqual(before.version)
  expect(half.healthy).toBe(true)
  expect(half.files).toEqual(before.files)
  expect(half.databases).toEqual(deployed.databases)

  expect(await rollBackAll()).toBe(1)
  await expectAsBefore()
})

test('a release that is not healthy is rolled back by itself, and the previous one serves its data', async () => {
  const ran = await deploy('--var', 'release=broken', ...WITHOUT_TESTS, '-o', 'json')
  expect(ran.code, ran.stderr).toBe(4)
  const summary = summaryOf(ran)
  expect(summary.status).toBe('rolled_back')
  expect(statusOf(summary, 'switch_systemd')).toBe('undone')
  expect(summary.steps.filter((s) => s.status === 'failed').map((s) => s.id)).toEqual(['healthy'])
  expect((await tool('rollback')).stderr).toContain('nothing left to undo')
  await expectAsBefore()
})

test('killed in the middle, twice, and resumed, it ends as it should and rolls back whole', async () => {
  // A restart that takes its time: the resume finds it still at work, and must not end the sandbox under it.
  const systemctl = join(place.root, 'sandbox/shared/bin/systemctl')
  writeFileSync(systemctl, readFileSync(systemctl, 'utf8').replace(/^exec/m, 'sleep 0.8\nexec'))
  await killedAt('token_table', 'deploy', NAME, '--env', 'sandbox', ...WITHOUT_TESTS)
  await killedAt('switch_systemd', 'resume')
  const resumed = summaryOf(await good(tool('resume', '-o', 'json')))
  expect(resumed.status).toBe('succeeded')
  expect(resumed.steps.filter((s) => s.status === 'in_doubt')).toEqual([])
  expect((await picture()).version).toEqual({ version: '1.1.0' })
  expect(await rollBackAll()).toBe(1)
  await expectAsBefore()
  expect(left()).toEqual([])
})

test.each(['staging', 'prod'])(
  'a plan for %s is sound, from anywhere, and says what it cannot know',
  async (environment) => {
    const nowhere = 'postgresql://hotel:none@127.0.0.1:9/hotel'
    const secret = 'one-that-opens-nothing-0123456789abcdef'
    const ran = await runbook(
      place.root,
      ['plan', NAME, '--env', environment, '--var', 'release=1.1.0', '-o', 'json'],
      {
        env: {
          DATABASE_URL: nowhere,
          STAGING_DATABASE_URL: nowhere,
          ADMIN_TOKEN: secret,
          NEXTAUTH_SECRET: secret,
        },
      },
    )
    expect(ran.code, ran.stderr).toBe(0)
    expect(ran.stdout).not.toContain(secret)
    const plan = JSON.parse(ran.stdout) as {
      steps: { id: string; would: string }[]
    }
    const would = Object.fromEntries(plan.steps.map((s) => [s.id, s.would]))
    expect(would).toMatchObject({
      unit_tests: 'run',
      token_table: 'unknown',
      switch_systemd: 'unknown',
      switch_kubernetes: 'skipped',
      switch_docker: 'skipped',
      switch_vercel: 'skipped',
    })
  },
)

/** Runs a command and kills its process the moment it says that this step's action has started. */
async function killedAt(step: string, ...args: string[]): Promise<void> {
  const { child, ran } = start(place.root, [...args, '-o', 'ndjson'])
  let said = ''
  child.stdout?.on('data', (text: string) => {
    said += text
    const started = said
      .split('\n')
      .some((line) => line.includes('"type":"step.started"') && line.includes(`"step":"${step}"`))
    if (started) child.kill('SIGKILL')
  })
  const { signal, stderr } = await ran
  expect(signal, stderr).toBe('SIGKILL')
}

/** Processes that carry this place in their command line. */
function left(): string[] {
  const all = execFileSync('ps', ['-eo', 'pid,args'], { encoding: 'utf8' })
  return all.split('\n').filter((line) => line.includes(place.root))
}
