/** One unfinished run, one lock: it belongs to the run, whoever drives it, and whether anybody does. */
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, userInfo } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { recordOf, withStore } from '../crash/record.ts'
import { linesOf, project, runbook, start, statuses, type Ran } from '../tool.ts'

let root: string
let dispose: () => void
beforeEach(() => {
  ;({ root, dispose } = project(
    'held',
    `runbook: held
title: Held as long as there is a file
version: "1"
environments: { test: {}, other: {} }
phases:
  - id: main
    title: Main
    steps:
      - id: quick
        run: echo quick >> ledger
        verify: { run: test -e ledger }
        rollback: { run: rm ledger, verify: inverse }
      - id: switch
        run: echo switch >> ledger; while [ -e hold ]; do sleep 0.02; done
        verify: { run: grep -q switch ledger }
        rollback: { run: 'true', verify: { run: 'true' } }
`,
  ))
  writeFileSync(join(root, 'hold'), '')
})
afterEach(() => {
  rmSync(join(root, 'hold'), { force: true })
  dispose()
})

const deploy = (...more: string[]) => ['deploy', 'held', '--env', 'test', ...more]
const letGo = () => {
  rmSync(join(root, 'hold'))
}
const shows = async (line: string) => {
  while (!linesOf(join(root, 'ledger')).includes(line)) await sleep(5)
}

/** A deploy that stands in the middle of its second step. */
async function standing(...more: string[]) {
  const first = start(root, deploy(...more))
  await shows('switch')
  return first
}

const me = `${userInfo().username}@${hostname()}`
const ISO = /since \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/

describe('while the first lives', () => {
  test('a second deploy ends at once with 7: who, since when, doing what', async () => {
    const { child, ran } = await standing()
    const second = await runbook(root, deploy('-o', 'json'))
    expect([second.code, second.stdout]).toEqual([7, ''])
    const { run } = (await recordOf(root)).runs[0]?.state ?? {}
    for (const word of [run, me, `pid ${child.pid}`, 'switch (running)', 'runbook status'])
      expect(second.stderr).toContain(word)
    expect(second.stderr).toMatch(ISO)
    letGo()
    expect((await ran).code).toBe(0)
    expect(linesOf(join(root, 'ledger'))).toEqual(['quick', 'switch'])
  })

  test.each([['resume'], ['rollback'], ['abandon', '--reason', 'so']])(
    '%s ends with 7 and touches nothing',
    async (...args) => {
      const { child, ran } = await standing()
      const { run } = (await recordOf(root)).runs[0]?.state ?? {}
      const [verb = '', ...rest] = args
      const second = await runbook(root, [verb, run ?? '', ...rest])
      expect([second.code, second.stderr]).toEqual([7, expect.stringContaining(`pid ${child.pid}`)])
      letGo()
      expect((await ran).code).toBe(0)
    },
  )

  test('another environment is another lock', async () => {
    const { ran } = await standing()
    letGo()
    expect((await runbook(root, ['deploy', 'held', '--env', 'other'])).code).toBe(0)
    expect((await ran).code).toBe(0)
  })

  test('--lock-timeout waits for it to end, and then it is our turn', async () => {
    const first = await standing()
    const second = start(root, deploy('--lock-timeout', '20s', '-o', 'json'))
    await sleep(600)
    letGo()
    expect((await first.ran).code).toBe(0)
    const ran = await second.ran
    expect([ran.code, statuses(ran)], ran.stderr).toEqual([0, 'quick done, switch done'])
  })

  test('--lock-timeout waits no longer than it says', async () => {
    const first = await standing()
    const began = performance.now()
    const second = await runbook(root, deploy('--lock-timeout', '700ms'))
    expect(second.code).toBe(7)
    expect(performance.now() - began).toBeGreaterThan(700)
    letGo()
    await first.ran
  })

  test('of ten at once one wins, and nine say who did', { timeout: 30_000 }, async () => {
    const all = Array.from({ length: 10 }, () => start(root, deploy()))
    const ended: Ran[] = []
    for (const { ran } of all) void ran.then((end) => ended.push(end))
    while (ended.length < 9) await sleep(20)
    letGo()
    await Promise.all(all.map(({ ran }) => ran))
    expect(ended.map(({ code }) => code).sort()).toEqual([0, 7, 7, 7, 7, 7, 7, 7, 7, 7])
    expect(linesOf(join(root, 'ledger'))).toEqual(['quick', 'switch'])
    for (const { code, stderr } of ended) if (code === 7) expect(stderr).toContain(me)
  })
})

describe('after the first died', () => {
  /** Killed in its second step, which ends by itself. */
  const died = async (): Promise<string> => {
    const { child, ran } = await standing()
    child.kill('SIGKILL')
    await ran
    letGo()
    return (await recordOf(root)).runs[0]?.state.run ?? ''
  }

  test('a deploy still ends with 7, says that it died, and the one next command', async () => {
    const run = await died()
    const second = await runbook(root, deploy())
    expect(second.code).toBe(7)
    for (const word of [run, me, 'which is dead, at step switch\n', `runbook resume ${run}`])
      expect(second.stderr).toContain(word)
    expect(second.stderr).toMatch(ISO)
    expect(second.stderr).not.toMatch(/running|rollback|abandon/)
  })

  test.each([
    ['resume', []],
    ['rollback', []],
    ['abandon', ['--reason', 'mended by hand']],
  ])('until %s', async (verb, more) => {
    const run = await died()
    const ended = await runbook(root, [verb, run, ...more])
    expect(ended.code, ended.stderr).toBe(0)
    expect((await recordOf(root)).locks).toEqual([])
    rmSync(join(root, 'ledger'), { force: true })
    const next = await runbook(root, deploy())
    expect(next.code, next.stderr).toBe(0)
  })

  test('with --lock-timeout it waits for a person, not for ever', async () => {
    await died()
    expect((await runbook(root, deploy('--lock-timeout', '100ms'))).code).toBe(7)
  })
})

test('a process that slept while its run was taken stops and records nothing more', async () => {
  const { child, ran } = await standing()
  child.kill('SIGSTOP')
  const { run } = (await recordOf(root)).runs[0]?.state ?? { run: '' }
  const other = {
    user: 'other',
    host: 'elsewhere',
    process: { pid: 1, start: '1', boot: 'another' },
  }
  // As if its lease had run out: another machine drives it now.
  const taken = await withStore(root, (store) => store.take(run, other, () => true))
  expect(taken).toMatchObject({ taken: { epoch: 2 } })
  const before = (await recordOf(root)).runs[0]?.events.length
  letGo()
  child.kill('SIGCONT')
  const ended = await ran
  expect([ended.code, ended.stderr]).toEqual([7, expect.stringContaining('taken over')])
  const { runs, locks } = await recordOf(root)
  expect(runs[0]?.events.length).toBe(before)
  // Nor did it give back what is not its own.
  expect(locks).toMatchObject([{ run, lease: { epoch: 2, holder: other } }])
  const second = await runbook(root, deploy())
  expect([second.code, second.stderr]).toEqual([7, expect.stringContaining('other@elsewhere')])
  expect(existsSync(join(root, 'hold'))).toBe(false)
})
