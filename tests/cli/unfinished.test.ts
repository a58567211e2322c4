/** A run that needs somebody is shown first, and every command that is named of it works as printed. */
import { rmSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { recordOf } from '../crash/record.ts'
import { linesOf, project, runbook, start, summaryOf, type Ran } from '../tool.ts'

let root: string
let dispose: () => void
beforeEach(() => {
  ;({ root, dispose } = project(
    'tiny',
    `runbook: tiny
title: Tiny
version: "1"
inputs:
  need: { default: none }
  other: { default: none }
  token: { secret: true }
environments:
  test: { on_failure: rollback, inputs: { token: { random: 16 } } }
  other: { on_failure: rollback, inputs: { token: { random: 16 } } }
rollback_scopes: { app: { title: The application. } }
phases:
  - id: main
    title: Main
    steps:
      - id: one
        scope: app
        run: touch one; echo one >> ledger; while [ -e hold ]; do sleep 0.02; done
        verify: { run: test -e one }
        rollback: { run: test ! -e stuck; rm -f one, verify: inverse }
      - id: two
        run: touch two; test ! -e bad
        verify: { run: test -e two }
        rollback: { run: rm -f two, verify: inverse }
finally:
  - { id: tell, run: echo told >> told, effect: none }
`,
  ))
})
afterEach(() => {
  rmSync(join(root, 'hold'), { force: true })
  dispose()
})

const given = (...args: string[]) => runbook(root, args)
const deploy = (env = 'test', ...more: string[]) =>
  given('deploy', 'tiny', '--env', env, '-o', 'json', ...more)
const there = (name: string) => {
  writeFileSync(join(root, name), '')
}
const told = () => linesOf(join(root, 'told')).length
const runOf = (ran: Ran) => summaryOf(ran).run

/** The command behind a label, or the line after it, as a person would copy it. */
const commandsIn = (text: string) =>
  [...text.matchAll(/runbook (deploy|resume|rollback|status|abandon|resolve) .*/g)].map(
    ([line]) => line.split('   ')[0],
  )

describe('a run that is not over is not hidden by a newer one that is', () => {
  /** The first run is half undone and holds the lock; the second, newer, is rolled back. */
  async function halfUndone(): Promise<[first: string, second: string]> {
    const first = await deploy()
    there('bad')
    const second = await deploy()
    expect([first.code, second.code], second.stderr).toEqual([0, 4])
    rmSync(join(root, 'bad'))
    there('stuck')
    expect((await given('rollback')).code).toBe(5)
    return [runOf(first), runOf(second)]
  }

  test('status shows it, and names the newest', { timeout: 90_000 }, async () => {
    const [first, second] = await halfUndone()
    const { stdout } = await given('status')
    expect(stdout).toMatch(/^tiny 1 in test: rollback failed\n/)
    expect(commandsIn(stdout).slice(0, 1)).toEqual([`runbook rollback ${first}`])
    expect(stdout).toContain(`newest     run ${second}, which is over`)
    expect(runOf(await given('status', '-o', 'json'))).toBe(first)
    expect(runOf(await given('status', 'tiny', '--env', 'test', '-o', 'json'))).toBe(first)
    // In another environment nothing is unfinished.
    const elsewhere = runOf(await deploy('other'))
    expect(runOf(await given('status', '--env', 'other', '-o', 'json'))).toBe(elsewhere)
    expect((await given('status')).stdout).toMatch(/^tiny 1 in test: rollback failed\n/)
  })

  test('of the newer one no command is named that would be refused', async () => {
    const [first, second] = await halfUndone()
    const { stdout } = await given('status', second)
    expect(stdout).toMatch(/^tiny 1 in test: rolled back\n/)
    expect(stdout).toContain(`run ${first}: tiny in test, rollback failed, and has the lock`)
    expect(commandsIn(stdout)).toEqual([`runbook rollback ${first}`])
  })

  test('resume and rollback without a run take it too', { timeout: 90_000 }, async () => {
    const [first] = await halfUndone()
    for (const [verb, code] of [
      ['resume', 5],
      ['rollback', 5],
    ] as const) {
      const ran = await given(verb)
      expect([ran.code, ran.stderr]).toEqual([code, expect.stringContaining(`taking run ${first}`)])
    }
    rmSync(join(root, 'stuck'))
    expect((await given('resume')).code).toBe(0)
    expect((await recordOf(root)).locks).toEqual([])
  })
})

describe('a run that is rolled back in part, or over, is not gone on with', () => {
  test('resume does nothing, and names what undoes the rest', async () => {
    const run = runOf(await deploy())
    expect((await given('rollback', '--scope', 'app')).code).toBe(0)
    const before = [told(), (await recordOf(root)).runs[0]?.events.length]
    for (const args of [['resume'], ['resume', run]]) {
      const ran = await given(...args)
      expect([ran.code, ran.stdout]).toEqual([0, ''])
      expect(ran.stderr).toContain('rolled back in part, as far as it was asked to be')
      expect(commandsIn(ran.stderr)).toEqual([`runbook rollback ${run}`])
    }
    const json = summaryOf(await given('resume', '-o', 'json'))
    expect([json.run, json.status]).toEqual([run, 'nothing_to_do'])
    expect([told(), (await recordOf(root)).runs[0]?.events.length]).toEqual(before)
  })

  test('what refuses a deploy, and the lock, do not offer it', async () => {
    const run = runOf(await deploy())
    expect((await given('rollback', '--scope', 'app')).code).toBe(0)
    const refused = await deploy()
    expect(refused.code).toBe(7)
    expect(commandsIn(refused.stderr)).toEqual([
      `runbook rollback ${run}`,
      `runbook abandon ${run} --reason "…"`,
    ])
    expect((await given('lock')).stdout).not.toContain('resume')
    expect((await given('rollback')).code).toBe(0)
  })

  test('nor is one that is over told again how it ended', { timeout: 90_000 }, async () => {
    const run = runOf(await deploy())
    const over = async (word: string) => {
      const before = told()
      const ran = await given('resume', run)
      expect([ran.code, ran.stderr]).toEqual([0, expect.stringContaining(`is over (${word})`)])
      expect(told()).toBe(before)
    }
    await over('succeeded')
    expect((await given('rollback')).code).toBe(0)
    await over('rolled back')
  })
})

test('while a run is driven its lock says by whom and how it is stopped, and that works', async () => {
  there('hold')
  const { child, ran } = start(root, ['deploy', 'tiny', '--env', 'test'])
  while (!linesOf(join(root, 'ledger')).includes('one')) await sleep(5)
  const { stdout } = await given('lock')
  expect(stdout).toContain(`(process ${child.pid})`)
  expect(stdout).not.toMatch(/runbook (resume|rollback|abandon)/)
  const [, host, pid] = /on (\S+): kill (\d+)/.exec(stdout) ?? []
  expect([host, pid]).toEqual([hostname(), String(child.pid)])
  process.kill(Number(pid))
  await sleep(100)
  rmSync(join(root, 'hold'))
  expect((await ran).code).toBe(143)
  expect((await recordOf(root)).runs[0]?.state.status).toBe('paused')
  expect((await given('lock')).stdout).toMatch(/runbook resume/)
})

describe('the next deploy is the one that was given', () => {
  test('with its --var, without its secrets', async () => {
    there('bad')
    const ran = await runbook(root, [
      ...['deploy', 'tiny', '--env', 'test', '--var', 'need=1'],
      ...['--var', "other=it's two words", '--var', 'token=s3cret-of-mine'],
    ])
    expect(ran.code).toBe(4)
    const next = `runbook deploy tiny --env test --var need=1 --var other='it'\\''s two words'`
    expect(commandsIn(ran.stderr)).toEqual([next])
    expect(commandsIn((await given('status')).stdout)).toEqual([next])
    expect(JSON.stringify((await recordOf(root)).runs)).not.toContain('s3cret-of-mine')
  })

  test('with the part that was chosen, and what a failure leads to', async () => {
    there('bad')
    const more = ['--from', 'two', '--on-failure', 'rollback']
    const ran = await runbook(root, ['deploy', 'tiny', '--env', 'test', ...more])
    expect(ran.code).toBe(4)
    expect(commandsIn(ran.stderr)).toEqual([`runbook deploy tiny --env test ${more.join(' ')}`])
  })
})

test('a rollback ends as it did, also where the record of an older run is damaged', async () => {
  const older = runOf(await deploy())
  await deploy()
  const db = new DatabaseSync(join(root, '.runbook/journal.db'))
  db.prepare(`UPDATE events SET json = replace(json, 'ok":true', 'ok":false') WHERE run = ?`).run(
    older,
  )
  db.close()
  const ran = await given('rollback')
  expect(ran.code, ran.stderr).toBe(0)
  expect(ran.stderr).toContain(`the journal of run ${older} is not what was written`)
})
