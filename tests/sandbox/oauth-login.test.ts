/** Logins by OAuth in their sandbox: a restart that nobody notices, its ways back, and who is told. */
import { execFile } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import { parse } from 'yaml'
import { loadRunbook } from '../../src/language/load.ts'
import { load } from '../../src/lib/load.ts'
import { watchProcesses } from '../canaries.ts'
import { linesOf, runbook, start, summaryOf } from '../tool.ts'
import { dump, input, type Dump, type Open, type Place } from './place.ts'
import { ended, idsOf, SECRET, statusOf, systemOf, wouldOf } from './system.ts'

// Real servers, real logins and real load, on a machine that may be busy with other tests.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 120_000 })

const NAME = 'oauth-login'
/** The rest, and the tests of the source, are those of the other test of this system. */
const PART = ['--from', 'fetch', '--to', 'healthy', '--skip', 'unit_tests,integration_tests']
const execute = promisify(execFile)

const system = systemOf(NAME, backend, true)
const { deploy, deployed, expectAsBefore, picture, place, tool } = system

/** What there is, seen by pg_dump, by git, in the files of the machine, and by asking both instances. */
interface Backend extends Dump {
  releases: string[]
  links: string[]
  worktrees: number
  config: string
  versions: (string | undefined)[]
  healthy: boolean[]
}

const HOSTS = ['backend-1', 'backend-2']
const askEach = (here: Open, path: string): Promise<Response[]> =>
  Promise.all(
    HOSTS.map((host) => fetch(`${input(here, 'app_url')}/-/units/backend-api@${host}${path}`)),
  )

/** The version that each instance says it is. */
async function versions(here = system.here()): Promise<(string | undefined)[]> {
  const said = (await askEach(here, '/version')).map((answer) => answer.json())
  return (await Promise.all(said)).map((one) => (one as { version?: string }).version)
}

async function backend({ machine }: Place, here: Open): Promise<Backend> {
  const at = (path: string) => join(machine, path)
  const { stdout: worktrees } = await execute('git', ['-C', at('backend'), 'worktree', 'list'])
  return {
    ...(await dump(input(here, 'database_url'))),
    releases: readdirSync(at('releases')).sort(),
    links: HOSTS.map((host) => readlinkSync(at(`releases/current-${host}`))),
    worktrees: worktrees.trim().split('\n').length,
    config: readFileSync(at('config/backend.env'), 'utf8'),
    versions: await versions(here),
    healthy: (await askEach(here, '/health')).map(({ ok }) => ok),
  }
}

/** What the mail server got, and what the team's channel did. */
const told = (service: 'messages' | 'mail'): string[] =>
  linesOf(join(place().machine, `../../${service}/data/inbox.jsonl`)).map(
    (line) => (JSON.parse(line) as { text: string }).text,
  )

const served = (): string => join(place().root, 'served')

/** Requests without a pause, from many at once, until they are stopped; how many it says in a file. */
function visitors(): { stop: () => Promise<{ requests: number; failed: number }> } {
  const seen = { requests: 0, failed: 0 }
  const wanted = { method: 'get', url: `${input(system.here(), 'app_url')}/version`, headers: {} }
  const { signal } = new AbortController()
  const some = { requests: 200, connections: 20, signal, progress: () => undefined }
  let going = true
  const all = (async () => {
    while (going) {
      const { figures } = await load(wanted, some)
      seen.requests += figures.requests
      seen.failed += figures.failed
      writeFileSync(served(), String(seen.requests))
    }
  })()
  return {
    async stop() {
      going = false
      await all
      return seen
    },
  }
}

/** Where `sleep` is no matter of time: an instance is warm when so many visitors were served. */
function sleepByVisitors(): string {
  const bin = join(place().root, 'bin')
  mkdirSync(bin)
  const script = `#!/bin/sh
case $RUNBOOK_HOST in backend-1) enough=2600 ;; backend-2) enough=5200 ;; *) exec /bin/sleep "$@" ;; esac
until [ "$(cat '${served()}' 2> /dev/null || echo 0)" -ge "$enough" ] 2> /dev/null; do /bin/sleep 0.05; done
`
  writeFileSync(join(bin, 'sleep'), script, { mode: 0o755 })
  return `${bin}:${process.env['PATH']}`
}

/** Runs a command with visitors from one of its events to another; their requests. */
async function visited(args: string[], from: RegExp, to: RegExp, env = {}) {
  const { child, ran } = start(place().root, [...args, '-o', 'ndjson'], { env })
  let events = ''
  let there: ReturnType<typeof visitors> | undefined
  let seen: ReturnType<ReturnType<typeof visitors>['stop']> | undefined
  child.stdout?.on('data', (text: string) => {
    events += text
    if (from.test(events)) there ??= visitors()
    if (to.test(events)) seen ??= there?.stop()
  })
  const { code, stderr } = await ran
  expect(code, stderr).toBe(0)
  if (seen === undefined) throw new Error('nobody was there')
  return seen
}

test('the sandbox starts with the previous release on two machines, and forty people of whom none is a guest', () => {
  const before = system.before()
  expect(before.versions).toEqual(['1.0.0', '1.0.0'])
  expect(before.healthy).toEqual([true, true])
  const people = before.rows.filter((row) => row.startsWith('INSERT INTO public.users '))
  expect(people.length).toBe(40)
  expect(people.filter((row) => row.includes("'guest'"))).toEqual([])
  expect(before.schema.join('\n')).not.toContain('localId')
})

test('deployed and rolled back while thousands of requests come in: none of them fails, and all is as it was before', async () => {
  const watching = watchProcesses(50)
  const origin = ['-C', join(place().machine, 'origin.git'), 'rev-parse', '1.1.0^{commit}']
  const { stdout: commit } = await execute('git', origin)
  const to = await visited(
    ['deploy', NAME, '--env', 'sandbox', '--no-input', '--var', `commit=${commit.trim()}`, ...PART],
    /"step.armed".*switch_rolling@backend-1/,
    /"step.done".*switch_rolling@backend-2/,
    { PATH: sleepByVisitors() },
  )
  expect(to.requests).toBeGreaterThan(5000)
  expect(to.failed).toBe(0)
  const done = summaryOf(await tool('status', '-o', 'json'))
  expect(done.status).toBe('succeeded')
  const there = await picture()
  expect(there.versions).toEqual(['1.1.0', '1.1.0'])
  expect(there.links).toEqual(['1.1.0', '1.1.0'])
  expect(there.schema.join('\n')).toContain('"localId" character varying(50)')

  const again = await deployed(...PART)
  expect(idsOf(again, 'satisfied')).toEqual([
    ...['checkout@backend-1', 'checkout@backend-2'],
    ...['dependencies@backend-1', 'dependencies@backend-2'],
    'migration@here',
    ...['switch_rolling@backend-1', 'switch_rolling@backend-2'],
  ])

  const [mails, messages] = [told('mail').length, told('messages').length]
  const from = await visited(
    // The backup, in place of the way down.
    ['rollback', done.run, '--last-resort', 'migration'],
    /"undo.armed".*switch_rolling@backend-2/,
    /"undo.done".*switch_rolling@backend-1/,
  )
  await expectAsBefore()
  expect(from.requests).toBeGreaterThan(0)
  expect(from.failed).toBe(0)

  // OA-13: everybody by mail, the team in its chat; why and what follows is asked of a person.
  expect(told('mail').slice(mails)).toEqual([
    expect.stringMatching(/^Subject: The deployment was rolled back[^]*taken back in sandbox/m),
  ])
  expect(told('messages').slice(messages).join()).toContain(`rolled_back (run ${done.run}`)
  const undone = summaryOf(await tool('status', done.run, '-o', 'json'))
  expect(statusOf(undone, 'reason')).toBe('done')
  expect(system.secretsSeen(await watching.stop())).toEqual([])
})

test('a release that is not healthy stops at the first instance and is rolled back by itself; the other one never noticed', async () => {
  const mails = told('mail').length
  const ran = await deploy('--var', 'release=broken', '--var', 'settle=4s', ...PART)
  const summary = ended(ran, 4)
  expect(summary.status).toBe('rolled_back')
  expect(statusOf(summary, 'switch_rolling@backend-1')).toBe('undone')
  expect(statusOf(summary, 'switch_rolling@backend-2')).toBe('pending')
  expect(statusOf(summary, 'migration@here')).toBe('undone')
  expect(ran.stderr).toContain('It was started, and is not well.')
  // OA-16: who is to be called, when there is a reason to.
  for (const reach of ['#prosight-oncall', '#prosight-lead']) expect(ran.stderr).toContain(reach)
  await expectAsBefore()
  expect(told('mail').slice(mails).join()).toContain('oauth-login broken was taken back')
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

describe('with the release in place, only the restart', () => {
  const restart = (strategy: string, ...more: string[]) => [
    ...['deploy', NAME, '--env', 'sandbox', '--no-input', '-o', 'json', '--var'],
    ...[`strategy=${strategy}`, '--only'],
    ['before_version', 'before_link', 'before_switch', ...more, `switch_${strategy}`].join(),
  ]
  beforeAll(async () => {
    await deployed('--only', 'fetch,release_commit,checkout,dependencies')
  })

  test.each([
    ['systemd', []],
    ['reload', []],
    ['compose', ['release_commit', 'before_image', 'image']],
  ])('by %s, and back', async (strategy, more) => {
    const there = ended(await tool(...restart(strategy, ...more)))
    expect(statusOf(there, `switch_${strategy}@backend-2`)).toBe('done')
    expect(await versions()).toEqual(['1.1.0', '1.1.0'])
    ended(await tool('rollback', there.run, '-o', 'json'))
    expect(await versions()).toEqual(['1.0.0', '1.0.0'])
  })

  test('a restart that drops a single request has failed, though the instance is well', async () => {
    const args = [...restart('rolling'), '--on-failure', 'stop']
    const ran = await runbook(place().root, args, { env: { STANDIN_DROP: '1' } })
    const dropped = ended(ran, 3)
    expect(idsOf(dropped, 'failed')).toEqual(['switch_rolling@backend-1'])
    expect(ran.stderr).toContain('no request fails')
    expect(await versions()).toEqual(['1.1.0', '1.0.0'])
    ended(await tool('rollback', '-o', 'json'))
  })

  test('taken away again, nothing of it is left', async () => {
    ended(await tool('rollback', '-o', 'json'))
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
