/** Database security in its sandbox: the deployment, its ways back and its breaches, for real. */
import { execFile } from 'node:child_process'
import { existsSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { linesOf, runbook, start, type Summary } from '../tool.ts'
import { expectEveryRow } from '../sandbox/rows.ts'
import { casesOf, stageIn, type TakeAway } from '../sandbox/stage.ts'
import {
  BROKEN,
  ended,
  idsOf,
  mails,
  rolledBackByItself,
  SECRET,
  statusOf,
  systemOf,
  wouldOf,
} from '../sandbox/system.ts'
import {
  accountOf,
  deployedBy,
  lossesAtTheEnd,
  lossesByKubernetes,
  vault,
  type Vault,
} from './vault.ts'

// Real servers, real builds and real traffic, on a machine that may be busy with other tests.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 120_000 })

const NAME = 'db-security'
const execute = promisify(execFile)

const system = systemOf(NAME, vault, true)
const { deploy, expectAsBefore, picture, place, tool } = system
const stage = stageIn(NAME, system)

// What a test that failed has left would fail those that follow.
beforeEach(({ onTestFailed }) => {
  onTestFailed(async () => {
    await system.rollBackAll()
  })
})

test('the sandbox starts with the previous release, plain text in its columns, and no trace of a deployment', () => {
  const before = system.before()
  expect(before.version).toEqual({ version: '2.3.0' })
  expect(before.health).toEqual({ status: 'ok', maintenance: false })
  expect(before.settings).toBeUndefined()
  expect(before.rows.filter((row) => row.startsWith('INSERT INTO public.users')).length).toBe(300)
  expect(before.schema.join('\n')).not.toContain('encrypted_')
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

/** It is ill, and not slow, nor without what was left out of the deployment. */
const expectIll = ({ steps }: Summary) =>
  expect(steps.find((s) => s.id === 'healthy')?.reason).toContain(
    'table security_events is missing',
  )

test('a release that is not healthy is rolled back by itself, and the previous one serves its data', async () => {
  const summary = await rolledBackByItself(system)
  expectIll(summary)
  expect(statusOf(summary, 'deploy_git')).toBe('undone')
})

const SWITCH =
  'source_commit,before_version,before_settings,maintenance_on,before_commit,deploy_git,healthy'

test('stopped in maintenance mode, the team is told that it is still on; a rollback takes it off', async () => {
  const broken = [...BROKEN, '--on-failure', 'stop']
  const stopped = ended(await deploy(...broken, '--only', SWITCH), 3)
  expectIll(stopped)
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

deployedBy('kubernetes', lossesByKubernetes(stage), system, stage)

describe('run whole, killed while it waits for its day and resumed', () => {
  let summary: Summary
  let after: Vault
  beforeAll(() => stage.connect('database_url'))
  afterAll(() => stage.leave())
  const last = () => summary.run

  test('every row of the document is done, and the plain text is gone', async () => {
    const sentBefore = mails(place()).length
    const old = join(place().machine, 'backups/lockr-20200101T000000Z.dump')
    const note = join(place().machine, 'backups/README')
    for (const file of [old, note]) {
      writeFileSync(file, 'old')
      utimesSync(file, 0, 0)
    }
    await killedWhileWaiting('deploy', NAME, '--env', 'sandbox', '--no-input')
    expect((await picture()).schema.join('\n')).toMatch(/^ +phone_number /m)
    summary = ended(await tool('resume', '-o', 'json'))
    expect(summary.status).toBe('succeeded')
    expect(summary.steps.filter((s) => s.attempts > 1)).toEqual([])
    expectEveryRow(NAME, [summary])
    expect(existsSync(old)).toBe(false)
    expect(existsSync(note)).toBe(true)

    after = await picture()
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
  })

  // Its account went with the clean-up after it.
  const EARLIER: Record<string, TakeAway> = {
    flow_without_plain_text: accountOf(stage, 'second_factor', last).made,
  }
  test.each(casesOf(lossesAtTheEnd(stage, last)))('%s: %s', (step, _how, take) =>
    stage.expectToDependOn(last(), step, take, EARLIER[step]),
  )

  test('it cannot be rolled back past the step that removes the plain text, but by the name of that step', async () => {
    const refused = await tool('rollback')
    expect(refused.code).toBe(6)
    expect(refused.stderr).toContain('step "remove_plain_text" cannot be undone')
    expect(refused.stderr).toContain(`--last-resort remove_plain_text`)
    expect((await picture()).schema).toEqual(after.schema)

    // Both backups are put back, in place of what cannot be undone and of the way down.
    const resorts = 'remove_plain_text,tracking_columns'
    const restored = ended(await tool('rollback', '--last-resort', resorts, '-o', 'json'))
    expect(restored.status).toBe('rolled_back')
    await expectAsBefore()
  })
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
