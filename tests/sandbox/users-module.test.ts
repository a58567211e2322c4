/** The users module in its sandbox: the deployment, its ways back and a release that is not healthy, for real. */
import { expect, test, vi } from 'vitest'
import { watchProcesses } from '../canaries.ts'
import type { Summary } from '../tool.ts'
import { expectEveryRow } from './rows.ts'
import { ended, idsOf, mails, pictureOf, SECRET, systemOf, wouldOf } from './system.ts'

// Real servers and a real build, on a machine that may be busy with other tests.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 120_000 })

const NAME = 'users-module'
/** What a release needs to be put in place, and the way back; and what depends on how that is done. */
const CORE = [
  ...['environment_file', 'pool_fits', 'before_schema', 'backup', 'migration', 'build_release'],
  ...[
    'before_version',
    'before_switch',
    'before_link',
    'before_image',
    'before_container',
    'image',
  ],
  ...['switch_docker', 'switch_node', 'switch_kubernetes', 'healthy', 'log_clean', 'autoscaling'],
  ...['container_log_clean', 'read_replica', 'replica_read'],
  ...['process_recovery', 'diagnostics'],
]
const only = (...steps: string[]): string[] => ['--only', steps.join(',')]

const system = systemOf(NAME, pictureOf('database_url'))
const { deploy, deployed, expectAsBefore, picture, rollBackAll, tool } = system
const runs: Summary[] = []

test('the sandbox starts with a previous release and users whom TypeORM made room for', () => {
  const before = system.before()
  expect(before.version).toEqual({ version: '1.0.0' })
  expect(before.healthy).toBe(true)
  const { schema = [], rows = [] } = before.databases['database_url'] ?? {}
  expect(schema.join('\n')).not.toContain('refresh_tokens')
  expect(rows.filter((row) => row.startsWith('INSERT INTO users.users ')).length).toBe(40)
  expect(rows.join('\n')).toContain('CreateUsers1735689600000')
})

test('deployed as a container, and again, and rolled back: all is as it was before, and no secret was seen', async () => {
  const watching = watchProcesses(50)
  const ran = await deploy()
  const first = ended(ran)
  expect(first.status).toBe('succeeded')
  runs.push(first)
  expect(mails(system.place())).toEqual([
    expect.stringMatching(new RegExp(`^To: team@[^]*^sandbox: succeeded .run ${first.run}`, 'm')),
  ])
  // From here on the commands share one running sandbox, which is quicker.
  await system.keepUp()
  const there = await picture()
  expect(there.version).toEqual({ version: '1.1.0' })
  expect(there.databases['database_url']?.schema.join('\n')).toContain('users.refresh_tokens')

  const again = await deployed(...only(...CORE, 'backup_schedule'))
  expect(idsOf(again, 'satisfied')).toEqual([
    'environment_file',
    'migration',
    'build_release',
    'switch_docker',
    'backup_schedule',
  ])

  const part = await tool('rollback', first.run, '--scope', 'app', '-o', 'json')
  expect(ended(part).status).toBe('partly_rolled_back')
  const half = await picture()
  expect(half.version).toEqual(system.before().version)
  expect(half.databases['database_url']?.schema).toEqual(there.databases['database_url']?.schema)
  await rollBackAll()
  await expectAsBefore()

  expect(system.secretsSeen(await watching.stop())).toEqual([])
})

test('deployed by node, and rolled back', async () => {
  const ran = await deployed('--var', 'strategy=node', ...only(...CORE))
  runs.push(ran)
  expect(idsOf(ran, 'done')).toEqual(expect.arrayContaining(['switch_node', 'log_clean']))
  await rollBackAll()
  await expectAsBefore()
})

test('deployed by kubernetes; where the migration cannot be taken back, the backup is restored by name', async () => {
  const ran = await deployed('--var', 'strategy=kubernetes', ...only(...CORE))
  runs.push(ran)
  expect(idsOf(ran, 'done')).toEqual(expect.arrayContaining(['switch_kubernetes', 'autoscaling']))

  // A view that somebody has built on a new table.
  await system.sql('CREATE VIEW users.visits AS SELECT event FROM users.audit_log')
  const stuck = await tool('rollback')
  expect(stuck.code, stuck.stderr).toBe(5)
  expect(stuck.stderr).toContain('other objects depend on it')
  const restored = ended(await tool('rollback', '--last-resort', 'migration', '-o', 'json'))
  expect(restored.status).toBe('rolled_back')
  await expectAsBefore()
})

test('in these runs every row of the document was done', () => {
  expectEveryRow(NAME, runs)
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
