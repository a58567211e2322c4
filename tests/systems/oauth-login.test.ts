/** Logins by OAuth: a release that is not healthy; staging, then production; and every way to restart. */
import { execFile } from 'node:child_process'
import { readFileSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import { parse } from 'yaml'
import { loadRunbook } from '../../src/language/load.ts'
import { runbook, summaryOf } from '../tool.ts'
import { backend, told, versions } from './backend.ts'
import { stageIn } from '../sandbox/stage.ts'
import { ended, idsOf, SECRET, statusOf, systemOf, wouldOf } from '../sandbox/system.ts'

// Real servers, real logins and real load, on a machine that may be busy with other tests.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 120_000 })

const NAME = 'oauth-login'
/** The rest, and the tests of the source, are those of a whole deployment. */
const PART = ['--from', 'fetch', '--to', 'healthy', '--skip', 'unit_tests,integration_tests']

const STAGING = 'sandbox_staging'
const execute = promisify(execFile)

const system = systemOf(NAME, backend, true, STAGING)
const { deploy, deployed, expectAsBefore, place, tool } = system
const stage = stageIn(NAME, system)

async function commitOf(tag: string): Promise<string> {
  const git = ['-C', stage.at('origin.git'), 'rev-parse', `${tag}^{commit}`]
  return (await execute('git', git)).stdout.trim()
}

test('a release that is not healthy stops at the first instance and is rolled back by itself; the other one never noticed', async () => {
  const mails = told(place(), 'mail').length
  const broken = ['--var', 'release=broken', '--var', `commit=${await commitOf('broken')}`]
  const ran = await deploy(...broken, '--var', 'settle=4s', ...PART)
  const summary = ended(ran, 4)
  expect(summary.status).toBe('rolled_back')
  expect(statusOf(summary, 'switch_rolling@backend-1')).toBe('undone')
  expect(statusOf(summary, 'switch_rolling@backend-2')).toBe('pending')
  expect(statusOf(summary, 'migration@here')).toBe('undone')
  expect(ran.stderr).toContain('It was started, and is not well.')
  // OA-16: who is to be called, when there is a reason to.
  for (const reach of ['#prosight-oncall', '#prosight-lead']) expect(ran.stderr).toContain(reach)
  await expectAsBefore()
  expect(told(place(), 'mail').slice(mails).join()).toContain('oauth-login broken was taken back')
})

test('its container is published where production is asked, with the settings that were looked at', async () => {
  const file = join(place().root, 'sandbox/oauth-login/app/docker-compose.prod.yml')
  const { services } = parse(readFileSync(file, 'utf8')) as {
    services: { 'backend-api': { ports: string[]; env_file: string } }
  }
  const { runbook: loaded } = await loadRunbook(NAME, place().root)
  for (const { facts } of loaded.environments['prod']?.hosts?.['backend'] ?? [])
    expect(services['backend-api'].ports).toContain(`${new URL(String(facts['url'])).port}:8000`)
  expect(services['backend-api'].env_file).toMatch(/^\$\{CONFIG\b.*\}\/backend\.env$/)
})

let run = ''
let commit = ''

describe('staging, then production', () => {
  const prod = (...more: string[]) =>
    tool('deploy', NAME, '--env', 'sandbox_prod', '--no-input', '-o', 'json', ...more)

  beforeAll(async () => {
    commit = await commitOf('1.1.0')
    ;({ run } = await deployed('--var', `commit=${commit}`))
  })

  test('another commit than the one that staging proved is refused', async () => {
    const other = await commitOf('1.0.0')
    const refused = await prod('--var', `commit=${other}`)
    expect(refused.code, refused.stderr).toBe(9)
    expect(refused.stderr).toContain(commit)
  })

  test('so is the same one before its stable time is over', async () => {
    const refused = await prod('--var', `commit=${commit}`, '--var', 'stable=24h')
    expect(refused.code, refused.stderr).toBe(6)
    expect(refused.stderr).toContain(run)
  })

  test('production begins when it is over', async () => {
    const begun = await prod('--var', `commit=${commit}`, '--wait', '--to', 'agreed')
    expect(begun.code, begun.stderr).toBe(0)
    const { stdout } = await tool('report', summaryOf(begun).run)
    expect(stdout).toContain(run)
  })
})

describe('with the release and its migration in place, only the restart', () => {
  const restart = (strategy: string, ...more: string[]) => [
    ...['deploy', NAME, '--env', STAGING, '--no-input', '-o', 'json', '--var', `commit=${commit}`],
    ...['--var', `strategy=${strategy}`, '--only'],
    ['before_version', 'before_link', 'before_switch', ...more, `switch_${strategy}`].join(),
  ]
  // By hand, the previous release serves again: of the run there is all but the restart.
  beforeAll(async () => {
    for (const host of ['backend-1', 'backend-2']) {
      const link = stage.at(`releases/current-${host}`)
      rmSync(link)
      symlinkSync('1.0.0', link)
    }
    await stage.call('systemctl', 'restart', 'backend-api')
    expect(await versions(system.here())).toEqual(['1.0.0', '1.0.0'])
  })

  test.each([
    ['systemd', []],
    ['reload', []],
    ['compose', ['release_commit', 'before_image', 'image']],
  ])('by %s, and back', async (strategy, more) => {
    const there = ended(await tool(...restart(strategy, ...more)))
    expect(statusOf(there, `switch_${strategy}@backend-2`)).toBe('done')
    expect(await versions(system.here())).toEqual(['1.1.0', '1.1.0'])
    ended(await tool('rollback', there.run, '-o', 'json'))
    expect(await versions(system.here())).toEqual(['1.0.0', '1.0.0'])
  })

  test('a restart that drops a single request has failed, though the instance is well', async () => {
    const args = [...restart('rolling'), '--on-failure', 'stop']
    const ran = await runbook(place().root, args, { env: { STANDIN_DROP: '1' } })
    const dropped = ended(ran, 3)
    expect(idsOf(dropped, 'failed')).toEqual(['switch_rolling@backend-1'])
    expect(ran.stderr).toContain('no request fails')
    expect(await versions(system.here())).toEqual(['1.1.0', '1.0.0'])
    ended(await tool('rollback', '-o', 'json'))
  })

  test('the whole of it is taken back by the ways down alone: nothing was needed of the backup', async () => {
    const back = ended(await tool('rollback', run, '-o', 'json'))
    expect(back.status).toBe('rolled_back')
    expect(statusOf(back, 'migration@here')).toBe('undone')
    await expectAsBefore()
  })
})

test.each(['staging', 'prod'])('a plan for %s is sound, and shows no secret', async (name) => {
  const database = `postgresql://casaos:${SECRET}@127.0.0.1:9/casaos`
  const env = {
    STAGING_DATABASE_URL: database,
    PRODUCTION_DATABASE_URL: database,
    TEST_DATABASE_URL: `${database}_test`,
    GOOGLE_CLIENT_ID: 'prosight.apps.google.example',
    GOOGLE_CLIENT_SECRET: `${SECRET}-1`,
    GITHUB_CLIENT_ID: 'Iv1.prosight',
    GITHUB_CLIENT_SECRET: `${SECRET}-2`,
    SECRET_KEY: `${SECRET}-3`,
    TEAM_HOOK: `https://chat.example.com/${SECRET}`,
    MAIL_URL: `smtps://prosight:${SECRET}@mail.example.com`,
  }
  const commit = `commit=${'c0ffee'.padEnd(40, '0')}`
  const given = ['--var', 'release=1.1.0', '--var', commit, '--offline']
  const would = wouldOf(await system.planFor(name, env, ...given))
  expect(would).toMatchObject({
    migration: 'unknown',
    switch_rolling: 'unknown',
    switch_systemd: 'skipped',
    logins_by_person: 'run',
    google_by_script: 'skipped',
  })
})
