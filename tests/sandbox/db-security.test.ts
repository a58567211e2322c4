/** Database security in its sandbox: the deployment, its ways back and its breaches, for real. */
import { execFile } from 'node:child_process'
import { existsSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeEach, expect, test, vi } from 'vitest'
import { filesUnder, watchProcesses } from '../canaries.ts'
import { linesOf, runbook, start } from '../tool.ts'
import { dump, input, type Dump, type Open, type Place } from './place.ts'
import { expectEveryRow } from './rows.ts'
import { ended, idsOf, mails, SECRET, statusOf, systemOf, wouldOf } from './system.ts'

// Real servers, real builds and real traffic, on a machine that may be busy with other tests.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 120_000 })

const NAME = 'db-security'
const execute = promisify(execFile)

const system = systemOf(NAME, vault, true)
const { deploy, expectAsBefore, picture, place, tool } = system

// What a test that failed has left would fail those that follow.
beforeEach(({ onTestFailed }) => {
  onTestFailed(async () => {
    await system.rollBackAll()
  })
})

/** What there is, seen by pg_dump, by git, in the files of the machine, and by asking the server. */
interface Vault extends Dump {
  /** What is checked out, what Heroku's repository has as main, and the release that the machine runs. */
  source: string
  main: string
  current: string
  /** Variables that are set for the application; none when there is no file. */
  settings: unknown
  config: string[]
  version: unknown
  health: unknown
}

async function vault({ machine }: Place, here: Open): Promise<Vault> {
  const at = (path: string) => join(machine, path)
  const told = async (path: string): Promise<unknown> =>
    (await fetch(`${input(here, 'app_url')}${path}`)).json()
  const source = readFileSync(at('source/.git/HEAD'), 'utf8')
  const { stdout: main } = await execute('git', ['-C', at('heroku.git'), 'rev-parse', 'main'])
  const { stdout: current } = await execute('readlink', [at('releases/current')])
  return {
    ...(await dump(input(here, 'database_url'))),
    source,
    main: main.trim(),
    current: current.trim(),
    settings: existsSync(at('settings.json'))
      ? (JSON.parse(readFileSync(at('settings.json'), 'utf8')) as unknown)
      : undefined,
    config: filesUnder(at('config')),
    version: await told('/version'),
    health: await told('/health'),
  }
}

test('the sandbox starts with the previous release, plain text in its columns, and no trace of a deployment', () => {
  const before = system.before()
  expect(before.version).toEqual({ version: '2.3.0' })
  expect(before.health).toEqual({ status: 'ok', maintenance: false })
  expect(before.settings).toBeUndefined()
  expect(before.rows.filter((row) => row.startsWith('INSERT INTO public.users')).length).toBe(300)
  expect(before.schema.join('\n')).not.toContain('encrypted_')
})

test('deployed to the last step that can be undone, and rolled back: all is as it was before, a share of the feature as well, and no secret was seen', async () => {
  const watching = watchProcesses(50)
  // Somebody set it long ago: the first share is none any more, and 20 % is what to go back to.
  const percent = 'FEATURE_SECURITY_TRACKING_PERCENT'
  await heroku('config:set', `${percent}=20`)
  const set = await picture()
  const deployed = await deploy('--to', 'final_backup')
  const done = ended(deployed)
  expect(statusOf(done, 'percent_10')).toBe('skipped')
  const there = await picture()
  expect(there.version).toEqual({ version: '2.4.0' })
  expect(there.health).toMatchObject({ maintenance: false, tracking_percent: 100 })
  expect(there.main).not.toBe(system.before().main)
  const { stdout: status } = await tool('verify', NAME, '--env', 'sandbox')
  expect(status).toContain('checks hold')

  const back = await tool('rollback', '-o', 'json')
  const undone = ended(back)
  expect(undone.status).toBe('rolled_back')
  expect(idsOf(undone, 'undone')).toEqual(expect.arrayContaining(['maintenance_on', 'percent_50']))
  expect(await picture()).toEqual(set)
  await heroku('config:unset', percent)
  await expectAsBefore()

  expect(system.secretsSeen(await watching.stop())).toEqual([])
})

test('where the log cannot be read nothing begins: it would be missed behind the maintenance page', async () => {
  const args = ['deploy', NAME, '--env', 'sandbox', '--no-input']
  const ran = await runbook(place().root, args, { env: { STANDIN_FAIL: 'heroku logs' } })
  expect(ran.code, ran.stderr).toBe(6)
  expect(ran.stderr).toContain('the log can be read')
  await expectAsBefore()
})

test.each(['git', 'docker', 'kubernetes'])(
  'by %s, a tag that does not name the commit is not deployed',
  async (strategy) => {
    const { stdout: other } = await execute('git', [
      ...['-C', join(place().machine, 'source')],
      ...['rev-parse', '2.3.0^{commit}'],
    ])
    const asked = ['--var', `commit=${other.trim()}`, '--var', `strategy=${strategy}`]
    const refused = ended(await deploy(...asked, '--only', 'source_commit'), 4)
    expect(idsOf(refused, 'failed')).toEqual(['source_commit'])
  },
)

test('a release that is not healthy is rolled back by itself, and the previous one serves its data', async () => {
  const summary = ended(await deploy('--var', 'release=broken'), 4)
  expect(summary.status).toBe('rolled_back')
  expect(idsOf(summary, 'failed')).toEqual(['healthy'])
  expect(statusOf(summary, 'deploy_git')).toBe('undone')
  await expectAsBefore()
})

test('stopped in maintenance mode, the team is told that it is still on; a rollback takes it off', async () => {
  const broken = ['--var', 'release=broken', '--on-failure', 'stop']
  const stopped = ended(await deploy(...broken, ...releaseOnly('git')), 3)
  expect(statusOf(stopped, 'deploy_git')).toBe('done')
  expect((await picture()).health).toMatchObject({ status: 'degraded' })
  expect(told()).toMatch(/still shows the maintenance page: run \S+ failed\..*rollback/)
  ended(await tool('rollback', '-o', 'json'))
  await expectAsBefore()
})

test('a fault that shows at 50 % takes the feature back to 10 % and stops there; the rest is rolled back by word', async () => {
  const stopped = ended(await deploy('--var', 'release=flaky'), 3)
  expect(stopped.status).toBe('failed')
  expect(statusOf(stopped, 'percent_10')).toBe('done')
  expect(statusOf(stopped, 'percent_50')).toBe('undone')
  expect(statusOf(stopped, 'percent_100')).toBe('pending')
  const half = await picture()
  expect(half.version).toEqual({ version: 'flaky' })
  expect(half.source).toMatch(/^[0-9a-f]{40}\n$/)
  expect(half.health).toMatchObject({ maintenance: false, tracking_percent: 10 })
  expect(ended(await tool('rollback', '-o', 'json')).status).toBe('rolled_back')
  await expectAsBefore()
})

test.each(['docker', 'kubernetes'] as const)(
  'deployed by %s, and rolled back',
  async (strategy) => {
    const done = ended(await deploy(...releaseOnly(strategy)))
    expect(statusOf(done, `key_${strategy}`)).toBe('done')
    expect(statusOf(done, `deploy_${strategy}`)).toBe('done')
    expect((await picture()).version).toEqual({ version: '2.4.0' })
    ended(await tool('rollback', '-o', 'json'))
    await expectAsBefore()
  },
)

test('run whole, killed while it waits for its day and resumed, it cannot be rolled back past the step that removes the plain text', async () => {
  const sentBefore = mails(place()).length
  const old = join(place().machine, 'backups/lockr-20200101T000000Z.dump')
  const note = join(place().machine, 'backups/README')
  for (const file of [old, note]) {
    writeFileSync(file, 'old')
    utimesSync(file, 0, 0)
  }
  await killedWhileWaiting('deploy', NAME, '--env', 'sandbox', '--no-input')
  expect((await picture()).schema.join('\n')).toMatch(/^ +phone_number /m)
  const summary = ended(await tool('resume', '-o', 'json'))
  expect(summary.status).toBe('succeeded')
  expect(summary.steps.filter((s) => s.attempts > 1)).toEqual([])
  expectEveryRow(NAME, [summary])
  expect(existsSync(old)).toBe(false)
  expect(existsSync(note)).toBe(true)

  const after = await picture()
  expect(after.schema.join('\n')).not.toMatch(/^ +(two_factor_secret|phone_number) /m)
  expect(after.health).toMatchObject({ status: 'ok', maintenance: false, tracking_percent: 100 })

  // DB-18: filled in, before and after; the team hears how it ended.
  expect(mails(place()).slice(sentBefore)).toEqual([
    expect.stringMatching(/^Subject: Scheduled maintenance[^]*^Time: 20\d\d-\d\d-\d\dT[\d:.]+Z/m),
    expect.stringMatching(/^Subject: Security improvements complete[^]*^Time: 20\d\d/m),
  ])
  expect(told()).toContain(`db-security 2.4.0 in sandbox: succeeded (run ${summary.run}`)
  const report = await tool('report', summary.run)
  expect(report.code, report.stderr).toBe(0)
  expect(report.stdout).toMatch(/\| Final migration \| Database admin \| ~30m \|/)

  const refused = await tool('rollback')
  expect(refused.code).toBe(6)
  expect(refused.stderr).toContain('step "remove_plain_text" cannot be undone')
  expect(refused.stderr).toContain(`--last-resort remove_plain_text`)
  expect((await picture()).schema).toEqual(after.schema)

  // By name: both backups are put back, in place of what cannot be undone and of the way down.
  const resorts = 'remove_plain_text,tracking_columns'
  const restored = ended(await tool('rollback', '--last-resort', resorts, '-o', 'json'))
  expect(restored.status).toBe('rolled_back')
  await expectAsBefore()
})

test.each([
  ['staging', 'STAGING_DATABASE_URL'],
  ['prod', 'PRODUCTION_DATABASE_URL'],
])('a plan for %s is sound, and says where no return lies', async (environment, database) => {
  const env = {
    [database]: 'postgresql://lockr:none@127.0.0.1:9/lockr',
    ADMIN_TOKEN: SECRET,
    SYSTEM_ENCRYPTION_KEY: SECRET,
    TEAM_HOOK: 'https://chat.example.com/hook-that-opens-nothing',
    MAIL_URL: 'smtps://vault:none@mail.example.com',
  }
  for (const strategy of ['git', 'docker', 'kubernetes']) {
    const vars = ['release=2.4.0', `strategy=${strategy}`].flatMap((value) => ['--var', value])
    const steps = await system.planFor(environment, env, ...vars)
    const would = wouldOf(steps)
    const others = ['git', 'docker', 'kubernetes'].filter((one) => one !== strategy)
    for (const one of others) expect(would[`deploy_${one}`]).toBe('skipped')
    expect(would[`deploy_${strategy}`]).toBe('unknown')
    expect(steps.filter((s) => s.irreversible !== null).map((s) => s.id)).toEqual([
      'remove_plain_text',
    ])
  }
})

/** The deployment without the database's part of it, in maintenance mode, by a strategy. */
function releaseOnly(strategy: 'git' | 'docker' | 'kubernetes'): string[] {
  const before = { git: 'commit', docker: 'container', kubernetes: 'image' }[strategy]
  const steps = [
    ...['source_commit', 'before_source', 'source_tree', 'encryption_key', 'before_version'],
    ...['before_settings', 'maintenance_on', `key_${strategy}`, 'before_switch'],
    ...[`before_${before}`, 'build_release', 'image', `deploy_${strategy}`, 'healthy'],
    'key_reached',
  ]
  return ['--var', `strategy=${strategy}`, '--only', steps.join()]
}

/** Heroku's own tool, as a person at a terminal has it. */
const heroku = (...args: string[]) =>
  execute(join(place().root, 'sandbox/shared/bin/heroku'), [...args, '--app', 'lockr'], {
    env: { PATH: process.env['PATH'], RELEASES: join(place().machine, 'releases') },
  })

/** What the team's channel got. */
const told = () => linesOf(join(place().machine, '../../messages/data/inbox.jsonl')).join('\n')

/** Runs a command and kills its process the moment it says that it waits. */
async function killedWhileWaiting(...args: string[]): Promise<void> {
  const { child, ran } = start(place().root, [...args, '-o', 'ndjson'])
  child.stdout?.on('data', (text: string) => {
    if (text.includes('"type":"run.waiting"')) child.kill('SIGKILL')
  })
  const { signal, stderr } = await ran
  expect(signal, stderr).toBe('SIGKILL')
}
