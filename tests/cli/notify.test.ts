/** What becomes of a run that tells people something, whether they can be told or not. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { hooks, type Hooks } from '../actions/messages.ts'
import { filesUnder, finder, watchProcesses } from '../canaries.ts'
import { linesOf, project, runbook, start, statuses } from '../tool.ts'

// The machine may have much else to do.
vi.setConfig({ testTimeout: 60_000 })

const KEY = 'c4nary/Sl4ck+Hook=%&<q>~zZ9'

let other: Hooks
let made: { root: string; dispose: () => void } | undefined
beforeEach(async () => {
  other = await hooks()
})
afterEach(async () => {
  made?.dispose()
  made = undefined
  await other.close()
})

/** Two steps, one of which may fail, that say something before, between and at the end. */
function telling(more: { two?: string; channel?: string } = {}): string {
  const channel = more.channel ?? '{ webhook: "${{ inputs.base }}/hook/${{ inputs.key }}" }'
  made = project(
    'telling',
    `runbook: telling
title: Telling
version: "1"
inputs:
  base: { type: url }
  key: { secret: true }
environments:
  test: { inputs: { base: { env: BASE }, key: { env: HOOK_KEY } }, channels: { team: ${channel} } }
  back: { on_failure: rollback, inputs: { base: { env: BASE }, key: { env: HOOK_KEY } }, channels: { team: ${channel} } }
  alone: { inputs: { base: { env: BASE }, key: { env: HOOK_KEY } } }
phases:
  - id: main
    steps:
      - id: begins
        notify: { to: team, text: "\${{ run.runbook }} begins" }
        outputs: { told: at }
      - { id: one, run: touch one, verify: { run: test -e one }, rollback: { run: rm -f one, verify: inverse } }
      - { id: two, run: "${more.two ?? 'touch two'}", verify: { run: test -e two }, rollback: { run: rm -f two; true, verify: { run: test ! -e two } } }
finally:
  - id: ends
    notify: { to: team, text: "\${{ run.environment }}: \${{ run.status }}", subject: It ended }
`,
  )
  return made.root
}

const env = (base = other.url) => ({ BASE: base, HOOK_KEY: KEY })
const deploy = (root: string, environment = 'test', base?: string) =>
  runbook(root, ['deploy', 'telling', '--env', environment, '-o', 'json'], { env: env(base) })
const said = () =>
  other.posted.map(({ body }) => {
    const { text, status, step } = JSON.parse(body) as Record<string, string>
    return `${step}: ${text} (${status})`
  })

describe('who is told of a run', () => {
  test.each([
    ['test', 'true', 3, 'failed'],
    ['test', 'touch two', 0, 'succeeded'],
    ['back', 'true', 4, 'rolled_back'],
  ])('in %s, %s: exit %i, %s', async (environment, two, code, status) => {
    const root = telling({ two })
    const ran = await deploy(root, environment)
    expect(ran.code, ran.stderr).toBe(code)
    expect(said()).toEqual([
      'begins: telling begins (running)',
      `ends: ${environment}: ${status} (${status})`,
    ])
    expect(other.posted[1]?.body).toContain('"subject":"It ended"')
  })

  test('a rollback on command tells its own end', async () => {
    const root = telling()
    await deploy(root)
    const ran = await runbook(root, ['rollback'], { env: env() })
    expect(ran.code, ran.stderr).toBe(0)
    expect(said().slice(1)).toEqual([
      'ends: test: succeeded (succeeded)',
      'ends: test: rolled_back (rolled_back)',
    ])
  })

  test('that nobody can be told is said in the plan, in the run and in its record', async () => {
    const root = telling()
    const plan = await runbook(root, ['plan', 'telling', '--env', 'alone'], { env: env() })
    expect(plan.stdout).toContain('alone has no channel "team": nobody is told')
    const ran = await deploy(root, 'alone')
    expect([ran.code, statuses(ran)]).toEqual([0, 'begins done, one done, two done, ends done'])
    expect(ran.stderr).toContain('not sent to team: alone has no such channel')
    const logs = await runbook(root, ['logs'])
    expect(logs.stdout).toContain('begins note: not sent to team: alone has no such channel')
  })
})

test('a server that is down, refuses, or tells on its address costs a run nothing', async () => {
  const root = telling()
  for (const status of [500, 404]) {
    other.status = status
    const ran = await deploy(root)
    expect([ran.code, statuses(ran)]).toEqual([0, 'begins done, one done, two done, ends done'])
    expect(ran.stderr).toContain(`not sent to team: it was answered with status ${status}`)
    await runbook(root, ['rollback'], { env: env() })
  }
  const down = await deploy(root, 'test', 'http://127.0.0.1:9')
  expect(down.code).toBe(0)
  expect(down.stderr).toContain('not sent to team: no answer from http://127.0.0.1:9')
})

test('a message that was under way when the tool died is not sent again, and nobody is asked', async () => {
  const root = telling()
  other.status = 0
  const { child, ran } = start(root, ['deploy', 'telling', '--env', 'test'], { env: env() })
  while (other.posted.length === 0) await sleep(5)
  child.kill('SIGKILL')
  await ran
  other.status = 200
  const went = await runbook(root, ['resume', '-o', 'json'], { env: env() })
  expect([went.code, statuses(went)], went.stderr).toEqual([
    0,
    'begins done, one done, two done, ends done',
  ])
  expect(went.stderr).toContain('whether it was sent is not known, so it is not sent again')
  expect(said()).toEqual(['begins: telling begins (running)', 'ends: test: succeeded (succeeded)'])
  expect((await runbook(root, ['logs', '--env', 'test', 'telling', 'begins'])).stdout).toContain(
    'begins note: the tool died while a message was under way',
  )
})

test('a second Ctrl-C ends a message that takes too long, and leaves no doubt', async () => {
  const root = telling()
  other.status = 0
  const { child, ran } = start(root, ['deploy', 'telling', '--env', 'test'], { env: env() })
  while (other.posted.length === 0) await sleep(5)
  child.kill('SIGINT')
  await sleep(50)
  child.kill('SIGINT')
  expect((await ran).code).toBe(130)
  other.status = 200
  const went = await runbook(root, ['resume', '-o', 'json'], { env: env() })
  expect(went.code, went.stderr).toBe(0)
  expect(said()).toHaveLength(2)
})

test('the secret in a channel is in no output, no record, no file and no command line', async () => {
  const find = finder(new Map([['the key of the hook', KEY]]))
  const root = telling()
  const printed: string[] = []
  for (const [status, base] of [[200], [500], [0, 'http://127.0.0.1:9']] as const) {
    other.status = status
    for (const args of [
      ['plan', 'telling', '--env', 'test', '--out', 'plan.json'],
      ['deploy', 'telling', '--env', 'test', '-v'],
      ['logs', '-o', 'ndjson'],
      ['status'],
      ['rollback', '-o', 'json'],
    ]) {
      const ran = await runbook(root, args, { env: env(base) })
      expect(ran.code, ran.stderr).toBe(0)
      printed.push(ran.stdout, ran.stderr)
    }
  }
  // It did come where it belongs.
  expect(other.posted.map(({ url }) => url)).toContain(`/hook/${encodeURIComponent(KEY)}`)
  expect(find(printed.join('\n'))).toEqual([])
  for (const file of filesUnder(root))
    expect([file, find(readFileSync(join(root, file)))]).toEqual([file, []])
})

test('a command is told without its command line telling others', async () => {
  const script = 'cat >> told; sleep 0.2; echo "$RUNBOOK_SUBJECT" >> told'
  const root = telling({ channel: `{ command: [bash, -c, '${script}'] }` })
  const watching = watchProcesses()
  const ran = await deploy(root)
  expect(ran.code, ran.stderr).toBe(0)
  const seen = await watching.stop()
  expect(linesOf(join(root, 'told'))).toEqual([
    'telling begins',
    'telling test: running',
    'test: succeeded',
    'It ended',
  ])
  expect(seen).toContain(script)
  expect(seen).not.toContain('telling begins')
})

test('a sandbox has a channel to a service of its own', async () => {
  made = project(
    'boxed',
    `runbook: boxed
title: Boxed
version: "1"
environments:
  sandbox:
    services: { inbox: { run: exec node inbox.mjs } }
    channels: { team: { slack: "\${{ services.inbox.url }}/T0" } }
phases:
  - { id: main, steps: [{ id: tell, notify: { to: team, text: hello } }] }
`,
  )
  writeFileSync(
    join(made.root, 'inbox.mjs'),
    `import { appendFileSync } from 'node:fs'
import { createServer } from 'node:http'
createServer((request, response) => {
  request.on('data', (text) => appendFileSync('inbox.txt', text + '\\n'))
  request.on('end', () => response.end('ok'))
}).listen(process.env.PORT, '127.0.0.1')
`,
  )
  const ran = await runbook(made.root, ['deploy', 'boxed', '--env', 'sandbox'])
  expect(ran.code, ran.stderr).toBe(0)
  expect(linesOf(join(made.root, 'inbox.txt'))).toEqual(['{"text":"hello"}'])
})
