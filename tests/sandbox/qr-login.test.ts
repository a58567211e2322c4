/** QR login in its sandbox: the deployment, its ways back, a release that is not healthy and two crashes, for real. */
import { execFileSync } from 'node:child_process'
import { expect, test, vi } from 'vitest'
import { watchProcesses } from '../canaries.ts'
import { runbook, start } from '../tool.ts'
import { expectEveryRow } from './rows.ts'
import { ended, idsOf, pictureOf, SECRET, statusOf, systemOf, wouldOf } from './system.ts'

// Real servers and a real build, on a machine that may be busy with other tests.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 120_000 })

const NAME = 'qr-login'
/** The tests of the source need no second and third time. */
const WITHOUT_TESTS = ['--from', 'schema_backup']

const system = systemOf(NAME, pictureOf('database_url', 'staging_database_url'))
const { deploy, expectAsBefore, picture, place, rollBackAll, tool } = system

test('the sandbox starts with a previous release, rows in both databases and no trace of a deployment', () => {
  const before = system.before()
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

/** From the first deployment until a release has failed. */
let watching: ReturnType<typeof watchProcesses>

test('deployed, deployed again, rolled back by scope, and by the backup: all is as it was before', async () => {
  watching = watchProcesses()
  expect((await tool('plan', NAME, '--env', 'sandbox', '--out', 'first.plan')).code).toBe(0)
  // As a person would: without -o json.
  const first = await tool('deploy', NAME, '--env', 'sandbox', '-v')
  expect(first.code, first.stderr).toBe(0)
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
    ['Performance and monitoring', '30m'],
  ]
  for (const [phase, estimate] of timeline)
    expect(screen).toMatch(new RegExp(`${phase} +[\\d.]+ m?s of ~${estimate} .*\\d+ done`))
  const run = /run +(\d{8}-\d{6}-[0-9a-f]{4})/.exec(screen)?.[1] ?? 'none'
  expect(screen).toContain(`runbook rollback ${run}`)

  const status = await tool('status', run)
  expect(status.code, status.stderr).toBe(0)
  for (const [phase, estimate] of timeline)
    expect(status.stdout).toMatch(new RegExp(`${phase} +[\\d.]+ m?s of ~${estimate} `))
  const summary = ended(await tool('status', run, '-o', 'json'))
  expect(summary.status).toBe('succeeded')
  expectEveryRow(NAME, [summary])

  // From here on the commands share one running sandbox, which is quicker.
  await system.keepUp()
  const deployed = await picture()
  expect(deployed.version).toEqual({ version: '1.1.0' })
  expect(deployed.files['releases/current']).toBe('-> 1.1.0')
  expect(deployed.databases['database_url']?.schema.join('\n')).toContain('GuestStaffQRToken')

  expect((await tool('logs', '-o', 'ndjson')).code).toBe(0)
  const verified = await tool('verify', NAME, '--env', 'sandbox')
  expect(verified.stdout, verified.stderr).toMatch(/: (\d+) of \1 checks hold/)

  expect(idsOf(ended(await deploy(...WITHOUT_TESTS)), 'satisfied')).toEqual([
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
  ended(await tool('rollback', '-o', 'json'))
  expect(await picture()).toEqual(deployed)

  const part = ended(await tool('rollback', run, '--scope', 'app', '-o', 'json'))
  expect(part.status).toBe('partly_rolled_back')
  expect(statusOf(part, 'switch_systemd')).toBe('undone')
  expect(statusOf(part, 'token_table')).toBe('done')
  const half = await picture()
  expect(half.version).toEqual(system.before().version)
  expect(half.healthy).toBe(true)
  expect(half.files).toEqual(system.before().files)
  expect(half.databases).toEqual(deployed.databases)

  // The rest as the document would have it: the backup over everything, with what somebody built on the table.
  await system.sql('CREATE VIEW recent AS SELECT id FROM "GuestStaffQRToken"')
  const whole = ended(await tool('rollback', run, '--last-resort', 'token_table', '-o', 'json'))
  expect(whole.status).toBe('rolled_back')
  expect(idsOf(whole, 'undone')).toEqual(expect.arrayContaining(['token_table', 'permissions']))
  expect(statusOf(whole, 'works_as_before')).toBe('done')
  await expectAsBefore()
})

test('a release that is not healthy is rolled back by itself, and the previous one serves its data', async () => {
  const summary = ended(await deploy('--var', 'release=broken', '-v', ...WITHOUT_TESTS), 4)
  expect(summary.status).toBe('rolled_back')
  expect(statusOf(summary, 'switch_systemd')).toBe('undone')
  expect(idsOf(summary, 'failed')).toEqual(['healthy'])
  expect((await tool('rollback')).stderr).toContain('nothing left to undo')
  await expectAsBefore()
})

test('in all this no secret of the sandbox was in any output, record, log, plan or command line', async () => {
  for (const args of [['status'], ['logs'], ['history', '-o', 'json']])
    expect((await tool(...args)).code).toBe(0)
  const secrets = system.secrets()
  expect([...secrets.keys()].sort()).toEqual([
    'output session',
    'output token',
    'random/qr-login/sandbox/admin_token',
    'random/qr-login/sandbox/nextauth_secret',
    'services/qr-login/sandbox/postgres/password',
  ])
  for (const secret of secrets.values()) expect(secret.length).toBeGreaterThan(20)
  expect(system.secretsSeen(await watching.stop())).toEqual([])
})

test('killed in the middle, twice, and resumed, it ends as it should and rolls back whole', async () => {
  await system.letDown()
  // A restart that takes its time: the resume finds it still at work, and must not end the sandbox under it.
  const env = { STANDIN_SLOW: 'systemctl' }
  await killedAt('token_table', env, 'deploy', NAME, '--env', 'sandbox', ...WITHOUT_TESTS)
  await killedAt('switch_systemd', env, 'resume')
  const resumed = ended(await runbook(place().root, ['resume', '-o', 'json'], { env }))
  expect(resumed.status).toBe('succeeded')
  expect(idsOf(resumed, 'in_doubt')).toEqual([])
  expect((await picture()).version).toEqual({ version: '1.1.0' })
  expect(await rollBackAll()).toBe(1)
  await expectAsBefore()
  expect(left()).toEqual([])
})

test.each(['staging', 'prod'])(
  'a plan for %s is sound, from anywhere, and says what it cannot know',
  async (environment) => {
    const nowhere = 'postgresql://hotel:none@127.0.0.1:9/hotel'
    const steps = await system.planFor(
      environment,
      {
        DATABASE_URL: nowhere,
        STAGING_DATABASE_URL: nowhere,
        ADMIN_TOKEN: SECRET,
        NEXTAUTH_SECRET: SECRET,
      },
      '--var',
      'release=1.1.0',
    )
    expect(wouldOf(steps)).toMatchObject({
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
async function killedAt(step: string, env: NodeJS.ProcessEnv, ...args: string[]): Promise<void> {
  const { child, ran } = start(place().root, [...args, '-o', 'ndjson'], { env })
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

/** Processes that carry this place in their command line or their environment. */
function left(): string[] {
  const all = execFileSync('ps', ['axeww', '-o', 'pid,args'], { encoding: 'utf8' })
  return all.split('\n').filter((line) => line.includes(place().root))
}
