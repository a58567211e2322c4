/** Watching for a while: thresholds, baselines, and what becomes of it when the tool is stopped or dies. */
import { execFileSync } from 'node:child_process'
import { renameSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Event, Tick } from '../../src/core/events.ts'
import { connect } from '../../src/lib/postgres.ts'
import { startServer } from '../actions/postgres-server.ts'
import { recordOf } from '../crash/record.ts'
import { project, runbook, start, statuses, summaryOf } from '../tool.ts'
import { answering, type Answering } from './server.ts'

vi.setConfig({ testTimeout: 60_000 })

let web: Answering
let made: { root: string; dispose: () => void } | undefined
beforeEach(async () => {
  web = await answering()
})
afterEach(async () => {
  made?.dispose()
  made = undefined
  await web.stop()
})

function withSteps(steps: string): string {
  made = project(
    'watched',
    `runbook: watched
title: To be watched
version: "1"
inputs:
  url: { type: url }
  long: { default: 1s }
  database_url: { type: url, secret: true }
environments:
  test:
    inputs: { url: "${web.url}", database_url: { env: TEST_DATABASE } }
phases:
  - id: main
    steps:
${steps.trim().replace(/^/gm, '      ')}
`,
  )
  return made.root
}

const json = ['-o', 'json']
const deploy = ['deploy', 'watched', '--env', 'test', '--no-input']
const env = { TEST_DATABASE: 'postgres://nobody@127.0.0.1:1/none' }

async function latest(root: string) {
  const [run] = (await recordOf(root)).runs
  if (run === undefined) throw new Error('there is no run')
  return run
}

const sampled = (events: readonly Event[]) => events.filter((e) => e.type === 'step.sampled')
const ticksOf = (events: readonly Event[]): Tick[] => sampled(events).flatMap((e) => e.ticks)

/** Starts a command, and lets it be known when the journal holds the first samples. */
async function untilSampled(root: string, args: string[]) {
  const { child, ran } = start(root, [...args, '-o', 'ndjson'], { env })
  await new Promise<void>((resolve, reject) => {
    let text = ''
    child.stdout?.on('data', (more: string) => {
      text += more
      if (text.includes('"step.sampled"')) resolve()
    })
    child.on('exit', (code) => {
      reject(new Error(`it ended with ${code} before its first samples`))
    })
  })
  return { child, ran }
}

/** Something to undo: a run that fails after it is unfinished. */
const CHANGE = `
- id: first
  run: touch first
  verify: { run: test -e first }
  rollback: { run: rm -f first, verify: inverse }`

const PROBE = `{ http: { get: "\${{ inputs.url }}/m" }, figures: { errors: json.error_rate } }`

describe('thresholds', () => {
  const compared = () =>
    withSteps(`
- id: baseline
  soak: { for: 1s, every: 50ms, probes: { web: ${PROBE} } }
  expect: web.samples >= 4 && web.bad == 0
  outputs: { errors: web.errors.mean, seen: samples }
- id: later
  verify:
    soak: { for: "\${{ inputs.long }}", every: 50ms, probes: { web: ${PROBE.replace('/m', '/later')}, sh: { run: echo 1 } } }
    expect:
      - web.samples >= 3
      - sh.samples == web.samples
      - web.errors.mean <= steps.baseline.errors * 1.5
`)

  test('a later soak is held against an earlier one', async () => {
    const root = compared()
    const ran = await runbook(root, [...deploy, ...json], { env })
    expect([ran.code, statuses(ran)], ran.stderr).toEqual([0, 'baseline done, later done'])
    const { state } = await latest(root)
    const { errors, seen } = state.steps.get('baseline')?.outputs ?? {}
    expect(errors).toBeCloseTo(0.01)
    expect(seen).toBeGreaterThanOrEqual(4)
    expect(state.steps.get('later')?.soaks[0]?.watched_ms).toBeGreaterThanOrEqual(999)
  })

  test('errors that grow in between make it fail, and it is said what was expected and seen', async () => {
    const root = compared()
    web.rate(0.02, '/later')
    const { code, stderr } = await runbook(root, deploy, { env })
    expect(code, stderr).toBe(3)
    expect(stderr).toMatch(/expected +web\.errors\.mean <= steps\.baseline\.errors \* 1\.5/)
    // A mean of as many equal figures as there were samples.
    expect(stderr).toMatch(/web\.errors\.mean = 0\.0(2|19999\d*|20000\d*)\n/)
  })

  test('so many bad samples in a row are tolerated, and not one more', async () => {
    const root = withSteps(`${CHANGE}
- id: edge
  soak: { for: 1s, every: 50ms, tolerate: 2, probes: { web: ${PROBE} } }
`)
    web.next('ok', 'error', 'error', 'ok', 'drop', 'error', 'ok')
    const good = await runbook(root, [...deploy, ...json], { env })
    expect([good.code, statuses(good)], good.stderr).toEqual([0, 'first done, edge done'])
    expect((await latest(root)).state.steps.get('edge')?.soaks[0]).toMatchObject({ bad: 4 })

    await runbook(root, ['abandon', '--reason', 'again'], { env })
    const before = web.seen()
    web.next('ok', 'error', 'drop', 'error', 'ok')
    const ran = await runbook(root, deploy, { env })
    expect(ran.code, ran.stderr).toBe(3)
    // At once: nothing was asked after the third.
    expect(web.seen() - before).toBe(4)
    const { failure } = (await latest(root)).state.steps.get('edge') ?? {}
    expect(failure).toMatchObject({
      reason: 'verify_failed',
      breach: { probe: 'web', row: 3, answer: 'does_not_hold' },
      asked: { values: { status: 503 } },
    })
    expect(ran.stderr).toMatch(/web: 3 bad samples in a row: GET http\S+ does not hold/)
    expect(ran.stderr.match(/UTC, after .* BAD/g)).toHaveLength(3)
    // A check is asked again by resume, from its beginning.
    const on = await runbook(root, ['resume', ...json], { env })
    expect([on.code, statuses(on)], on.stderr).toEqual([0, 'first done, edge done'])
    expect((await latest(root)).state.steps.get('edge')?.soaks[0]).toMatchObject({ bad: 0 })
  })

  test('when nothing but "cannot tell" ended it, one cannot tell', async () => {
    const root = withSteps(`
- id: gone
  on_failure: rollback
  verify: { soak: { for: 10s, every: 50ms, tolerate: 1, probes: { web: ${PROBE} } } }
`)
    web.next('ok', 'drop', 'drop')
    const ran = await runbook(root, [...deploy, ...json], { env })
    expect(ran.code, ran.stderr).toBe(3)
    const { failure } = (await latest(root)).state.steps.get('gone') ?? {}
    expect(failure).toMatchObject({ reason: 'inconclusive', breach: { row: 2 } })
  })

  test('a figure that is no number makes its sample bad', async () => {
    const root = withSteps(`
- id: text
  soak: { for: 10s, every: 50ms, probes: { web: ${PROBE} } }
`)
    web.rate('none')
    const ran = await runbook(root, deploy, { env })
    expect(ran.code, ran.stderr).toBe(3)
    expect(ran.stderr).toContain('the figure errors could not be had: it is no number')
  })

  test('a slow probe is a late sample, and its timeout is its own', async () => {
    const root = withSteps(`
- id: slow
  soak:
    for: 900ms
    every: 100ms
    tolerate: 9
    probes: { slow: { run: sleep 5, timeout: 300ms } }
  expect: slow.samples <= 4 && slow.bad == slow.samples && slow.duration_ms.min >= 300
`)
    const ran = await runbook(root, [...deploy, ...json], { env })
    expect([ran.code, statuses(ran)], ran.stderr).toEqual([0, 'slow done'])
  })

  test('a probe asks a database', async () => {
    const server = await startServer('secret of the test')
    try {
      const url = server.url('postgres')
      const database = await connect(url)
      await database.query({
        text: 'CREATE TABLE login_stats AS SELECT 0.99 AS success_rate',
        values: [],
      })
      await database.close()
      const root = withSteps(`
- id: login
  soak:
    for: 300ms
    every: 100ms
    probes:
      login:
        sql: SELECT success_rate::float8, now()::text FROM login_stats
        expect: rows[0].success_rate > 0.95
        figures: { success: "rows[0].success_rate" }
  outputs: { worst: login.success.min }
`)
      const good = await runbook(root, [...deploy, ...json], { env: { TEST_DATABASE: url } })
      expect([good.code, statuses(good)], good.stderr).toEqual([0, 'login done'])
      expect((await latest(root)).state.steps.get('login')?.outputs).toEqual({ worst: 0.99 })
      const again = await connect(url)
      await again.query({ text: 'UPDATE login_stats SET success_rate = 0.9', values: [] })
      await again.close()
      const ran = await runbook(root, deploy, { env: { TEST_DATABASE: url } })
      expect(ran.code, ran.stderr).toBe(3)
      expect(ran.stderr).toContain('rows[0].success_rate = 0.9')
    } finally {
      await server.stop()
    }
  })
})

describe('interrupted', () => {
  const watching = (long: string, more = '') =>
    withSteps(`
- id: day
  ${more}
  verify: { soak: { for: ${long}, every: 100ms, probes: { web: ${PROBE} } } }
`)

  test('kill -9: the watched time adds up from the journal, the gap does not count', async () => {
    const root = watching('2s')
    const { child, ran } = await untilSampled(root, deploy)
    child.kill('SIGKILL')
    await ran
    const before = ticksOf((await latest(root)).events)
    expect(before.length).toBeGreaterThan(3)
    await sleep(700)
    const on = await runbook(root, ['resume'], { env })
    expect(on.code, on.stderr).toBe(0)
    expect(on.stderr).toMatch(/day goes on watching: .* of 2\.0 s are watched, .* are left/)
    const { events, state } = await latest(root)
    const ticks = ticksOf(events)
    const after = ticks[before.length]
    const last = before.at(-1)
    if (after === undefined || last === undefined) throw new Error('there is no gap')
    expect(Date.parse(after.at) - Date.parse(last.at)).toBeGreaterThan(700)
    expect(after.watched_ms).toBe(last.watched_ms)
    expect(ticks.at(-1)?.watched_ms).toBeGreaterThanOrEqual(1999)
    expect(ticks.at(-1)?.watched_ms).toBeLessThan(2500)
    expect(state.steps.get('day')).toMatchObject({
      status: 'done',
      soaks: { 0: { samples: ticks.length, bad: 0 } },
    })
  })

  test('Ctrl-C pauses a soak of a day at once; resume goes on, and is paused again', async () => {
    const root = watching('24h', 'title: The first day')
    const begun = performance.now()
    for (const [i, args] of [deploy, ['resume']].entries()) {
      const { child, ran } = await untilSampled(root, args)
      const asked = performance.now()
      child.kill('SIGINT')
      const { code, stderr } = await ran
      expect(code, stderr).toBe(130)
      expect(performance.now() - asked).toBeLessThan(5000)
      const { state, events } = await latest(root)
      expect(state).toMatchObject({ status: 'paused', reason: 'SIGINT' })
      expect(state.steps.get('day')).toMatchObject({ status: 'running', attempts: i + 1 })
      expect(state.steps.get('day')?.soaks[0]?.samples).toBe(ticksOf(events).length)
      expect(stderr).toContain('runbook resume')
    }
    const { state } = await latest(root)
    expect(state.steps.get('day')?.soaks[0]?.watched_ms).toBeLessThan(performance.now() - begun)
    const status = await runbook(root, ['status'], { env })
    expect(status.stdout).toMatch(/watched +.* in \d+ samples, 0 bad/)
  })

  test('a probe that is under way does not hold it up', async () => {
    const root = withSteps(`
- id: hangs
  soak: { for: 1h, every: 100ms, probes: { web: ${PROBE}, hangs: { run: 'test ! -e hold || sleep 30', timeout: 1m } } }
`)
    const { child, ran } = await untilSampled(root, deploy)
    execFileSync('touch', ['hold'], { cwd: root })
    await sleep(500)
    child.kill('SIGINT')
    const asked = performance.now()
    const { code, stderr } = await ran
    expect(code, stderr).toBe(130)
    expect(performance.now() - asked).toBeLessThan(8000)
    // The sample that was cut short is none.
    expect((await latest(root)).state.steps.get('hangs')?.soaks[0]).toMatchObject({ bad: 0 })
  })

  test('after an action: it is not done again, and its undo can be asked for instead', async () => {
    const root = withSteps(`
- id: change
  run: echo done >> ledger
  verify:
    - run: test -e ledger
    - soak: { for: 24h, every: 100ms, probes: { web: ${PROBE} } }
  rollback: { run: rm -f ledger, verify: inverse }
`)
    const { child, ran } = await untilSampled(root, deploy)
    child.kill('SIGKILL')
    await ran
    const again = await untilSampled(root, ['resume'])
    again.child.kill('SIGINT')
    expect((await again.ran).code).toBe(130)
    expect(execFileSync('cat', ['ledger'], { cwd: root, encoding: 'utf8' })).toBe('done\n')
    const back = await runbook(root, ['rollback', ...json], { env })
    expect([back.code, statuses(back)], back.stderr).toEqual([0, 'change undone'])
  })
})

describe('during', () => {
  /** The action goes on until the server has had so many requests, and a file lets it. */
  const during = (more = '', step = '', before = '') =>
    withSteps(`${before}
- id: restart
  run: 'echo ran >> ledger; while [ -e hold ]; do sleep 0.02 || :; done'
  ${step}
  during:
    soak: { every: 30ms, probes: { web: { http: { get: "\${{ inputs.url }}" } } } }
    ${more}
  verify: { run: test -e ledger }
  rollback: { run: rm -f ledger, verify: inverse }
`)
  const touch = (root: string) => execFileSync('touch', ['hold'], { cwd: root })
  const release = (root: string) => execFileSync('rm', ['hold'], { cwd: root })
  const until = async (enough: () => boolean) => {
    while (!enough()) await sleep(10)
  }

  test('good from before the action until after the verify', async () => {
    const root = during('expect: web.samples >= 2 && web.bad == 0')
    const ran = await runbook(root, [...deploy, ...json], { env })
    expect([ran.code, statuses(ran)], ran.stderr).toEqual([0, 'restart done'])
    const { events } = await latest(root)
    const types = events.map(({ type }) => type)
    const started = events.find(({ type }) => type === 'step.started')?.at ?? ''
    const ticks = ticksOf(events)
    expect((ticks[0]?.at ?? '') <= started).toBe(true)
    expect(types.lastIndexOf('step.sampled')).toBeGreaterThan(types.indexOf('step.verified'))
  })

  test.each([
    ['error', 4, 'does_not_hold', 'restart undone'],
    // Of a request that got no answer one cannot tell, and then nothing is undone by itself.
    ['drop', 3, 'cannot_tell', 'restart failed'],
  ] as const)('one request that ends with %s is caught', async (end, exit, answer, status) => {
    const root = during('', 'on_failure: rollback')
    touch(root)
    const { ran } = start(root, [...deploy, ...json], { env })
    await until(() => web.seen() > 5)
    web.next(end)
    const before = web.seen()
    await until(() => web.seen() > before + 5)
    release(root)
    const ended = await ran
    expect([ended.code, statuses(ended)], ended.stderr).toEqual([exit, status])
    const { events } = await latest(root)
    const failed = events.find((e) => e.type === 'step.failed')
    expect(failed?.failure).toMatchObject({
      reason: 'during_failed',
      asked: { answer },
      breach: { probe: 'web', row: 1 },
    })
    const bad = ticksOf(events).filter(({ probes }) => probes['web']?.bad !== undefined)
    expect(bad).toHaveLength(1)
    // Action and verify were good.
    expect(events.find((e) => e.type === 'step.acted')).toMatchObject({ ok: true })
    expect(events.find((e) => e.type === 'step.verified')).toMatchObject({
      checks: [{ answer: 'holds' }],
    })
  })

  test('what is not well before is not begun, and resume begins it without a word', async () => {
    const root = during('', '', CHANGE)
    web.next('error')
    const ran = await runbook(root, [...deploy, ...json], { env })
    expect([ran.code, statuses(ran)], ran.stderr).toEqual([3, 'first done, restart failed'])
    expect(summaryOf(ran).steps[1]?.reason).toBe(
      'web was bad before it began, so nothing was started',
    )
    const started = (await latest(root)).events.filter((e) => e.type === 'step.armed')
    expect(started.map(({ step }) => step)).toEqual(['first'])
    expect(ran.stderr).not.toContain('--retry')
    const on = await runbook(root, ['resume', ...json], { env })
    expect([on.code, statuses(on)], on.stderr).toEqual([0, 'first done, restart done'])
    expect(execFileSync('cat', ['ledger'], { cwd: root, encoding: 'utf8' })).toBe('ran\n')
  })

  test('kill -9 while it is on: the receipt settles the step, and the gap is told', async () => {
    const root = during()
    touch(root)
    const { child, ran } = await untilSampled(root, deploy)
    await until(() => web.seen() > 5)
    child.kill('SIGKILL')
    await ran
    release(root)
    const on = await runbook(root, ['resume'], { env })
    expect(on.code, on.stderr).toBe(0)
    expect(on.stderr).toMatch(/restart is watched again after a gap: nothing was seen since \d/)
    const { events, state } = await latest(root)
    expect(events.find((e) => e.type === 'step.acted')).toMatchObject({ adopted: true })
    expect(sampled(events).filter((e) => e.gap === true)).toHaveLength(1)
    expect(state.steps.get('restart')?.during?.samples).toBe(ticksOf(events).length)
    expect(execFileSync('cat', ['ledger'], { cwd: root, encoding: 'utf8' })).toBe('ran\n')
    const logs = await runbook(root, ['logs'], { env })
    expect(logs.stdout).toContain('restart watched again after a gap')
  })

  test('a journal that could not be written meanwhile is told, also when it can be again', async () => {
    const root = during()
    touch(root)
    const { ran } = await untilSampled(root, deploy)
    const journal = join(root, '.runbook/journal.db')
    renameSync(journal, `${journal}.away`)
    // What is watched is written once a second; when that fails nothing is watched any more.
    for (let seen = -1; seen !== web.seen(); await sleep(2000)) seen = web.seen()
    renameSync(`${journal}.away`, journal)
    release(root)
    const ended = await ran
    expect([ended.code, ended.stderr]).toEqual([12, expect.stringContaining(journal)])
    const { state, events } = await latest(root)
    expect([state.status, events.some(({ type }) => type === 'step.done')]).toEqual([
      'running',
      false,
    ])
    const on = await runbook(root, ['resume'], { env })
    expect([on.code, on.stderr]).toEqual([0, expect.stringContaining('watched again after a gap')])
  })

  test('what was bad before the tool died still counts', async () => {
    const root = during()
    touch(root)
    const { child, ran } = await untilSampled(root, deploy)
    web.next('error')
    await until(() => web.seen() > 10)
    while (!ticksOf((await latest(root)).events).some(({ probes }) => probes['web']?.bad))
      await sleep(20)
    child.kill('SIGKILL')
    await ran
    release(root)
    const on = await runbook(root, ['resume', ...json], { env })
    expect([on.code, statuses(on)], on.stderr).toEqual([3, 'restart failed'])
    expect((await latest(root)).state.steps.get('restart')?.failure).toMatchObject({
      reason: 'during_failed',
    })
  })
})

test('runbook verify asks the other checks, and says what it leaves out', async () => {
  const root = withSteps(`
- id: day
  verify:
    - { run: "true", title: the other }
    - soak: { for: 24h, every: 1s, probes: { web: ${PROBE} } }
- id: only
  soak: { for: 24h, every: 1s, probes: { web: ${PROBE} } }
`)
  const ran = await runbook(root, ['verify', 'watched', '--env', 'test'], { env })
  expect(ran.code, ran.stderr).toBe(0)
  expect(ran.stdout + ran.stderr).toContain('the other holds')
  expect(ran.stdout + ran.stderr).toMatch(/day {2}not asked: its soak is watched only in a run/)
  expect(ran.stdout + ran.stderr).toMatch(/only {2}not asked: a soak is watched only in a run/)
  expect(web.seen()).toBe(0)
})

test('the plan says what is watched and for how long; inputs say the time', async () => {
  const root = withSteps(`
- id: day
  soak: { for: "\${{ inputs.long }}", every: 1s, probes: { web: ${PROBE} } }
- id: change
  run: "true"
  during: { soak: { every: 1s, probes: { web: ${PROBE} } } }
  verify: { run: "true" }
  rollback: keep
`)
  const args = ['plan', 'watched', '--env', 'test', '--var', 'long=90m']
  const ran = await runbook(root, [...args, ...json], { env })
  const { steps } = JSON.parse(ran.stdout) as { steps: Record<string, unknown>[] }
  expect(steps[0]).toMatchObject({ estimate_s: 5400 })
  expect(steps[1]).toMatchObject({ estimate_s: null })
  const text = await runbook(root, args, { env })
  expect(text.stdout).toMatch(
    /verify +watch web every 1s for \$\{\{ inputs.long \}\}\n +probe +web: GET/,
  )
  expect(text.stdout).toMatch(/during +watch web every 1s\n +probe +web: GET/)
})
