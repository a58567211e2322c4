import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { ActionContext } from '../../src/actions/action.ts'
import { run } from '../../src/actions/run.ts'
import { identify } from '../../src/lib/processes.ts'
import { context } from './context.ts'

const script = (text: string, leaves_processes = false) =>
  ({ verb: 'run', script: text, leaves_processes }) as const
const check = (more: Partial<ActionContext> = {}) => context({}, { recoverable: false, ...more })

test('a check tells the same as a deed, and leaves no file', async () => {
  const at = check()
  const { fields, tail } = await run.perform(script('echo one; echo two >&2; exit 3'), at)
  expect(fields).toMatchObject({ exit_code: 3, stdout: 'one', stderr: 'two', output: 'one\ntwo' })
  expect(tail).toBe('one\ntwo')
  expect(at.shown.join('')).toBe('one\ntwo\n')
  expect(at.gated).toEqual([undefined])
  expect(readdirSync(join(at.root, '.attempt'))).toEqual([])
})

test.each([
  ['set -e', 'false; echo on'],
  ['set -u', 'echo $MISSING; echo on'],
  ['pipefail', 'false | cat; echo on'],
  ['no arguments', 'echo "$1"; echo on'],
  ['no input', 'read x; echo on'],
  ['no terminal', 'read x </dev/tty; echo on'],
])('%s stops it', async (_name, text) => {
  const { fields } = await run.perform(script(text), check())
  expect(fields.exit_code).not.toBe(0)
  expect(fields.stdout).not.toContain('on')
})

test.each([
  ['no such program', script('no-such-program-here'), 127],
  [
    'no such program to begin with',
    { verb: 'run', argv: ['no-such-program-here'], leaves_processes: false } as const,
    127,
  ],
  ['a signal', script('kill -9 $$'), 137],
  ['a signal seldom seen', script('kill -USR1 $$'), 138],
])('%s: one cannot tell', async (_name, action, code) => {
  const { fields, problem } = await run.perform({ ...action } as ReturnType<typeof script>, check())
  expect(fields.exit_code).toBe(code)
  expect(problem?.kind).toBe('cannot_tell')
})

test('the gate is asked before it starts', async () => {
  const at = check({ gate: () => Promise.reject(new Error('no')) })
  await expect(run.perform(script('touch done'), at)).rejects.toThrow('no')
  expect(readdirSync(at.root)).toEqual(['.attempt'])
})

test('line 1 of a script is line 1 in what bash says, as a check and as a deed', async () => {
  for (const at of [check(), context()]) {
    at.env.RUNBOOK_STEP = 'my_step'
    const { fields } = await run.perform(script('true\nno-such-program-here'), at)
    expect(fields.stderr).toBe('my_step: line 2: no-such-program-here: command not found')
  }
})

test('a script longer than an argument may be runs all the same', async () => {
  const text = `${'# a comment\n'.repeat(20_000)}echo end; exit 3`
  for (const at of [check(), context()]) {
    const { fields } = await run.perform(script(text), at)
    expect(fields).toMatchObject({ exit_code: 3, stdout: 'end' })
  }
})

test('what it leaves running is ended, also outside its session', async () => {
  const at = check()
  const text = `setsid sleep 30 & echo $! > pid; sleep 30 & echo $! > other`
  const { notes } = await run.perform(script(text), at)
  expect(notes?.join()).toContain('left running and ended')
  for (const name of ['pid', 'other']) {
    expect(identify(Number(readFileSync(join(at.root, name), 'utf8')))).toBeUndefined()
  }
})

test('many at once and one after the other do not mix their output', async () => {
  for (let round = 0; round < 3; round += 1) {
    const all = Array.from({ length: 8 }, (_, i) =>
      run.perform(script(`echo ${round}.${i}; echo e${i} >&2`), check()),
    )
    for (const [i, { fields }] of (await Promise.all(all)).entries()) {
      expect(fields).toMatchObject({ stdout: `${round}.${i}`, stderr: `e${i}` })
    }
  }
})

test('what was left running on purpose does not write into the output of the next', async () => {
  const text = '(for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.02; echo late; done) & echo one'
  const first = await run.perform(script(text, true), check())
  expect(first.fields.stdout).toBe('one')
  const second = await run.perform(script('sleep 0.1; echo two'), check())
  expect(second.fields.stdout).toBe('two')
})

test('a flood is bounded here too, and a hanging check is ended', async () => {
  const { fields } = await run.perform(script('yes | head -c 150M || true; echo last'), check())
  expect(String(fields.stdout).length).toBeLessThan(1.01 * 2 ** 20)
  expect(String(fields.stdout).endsWith('last')).toBe(true)
  const hung = await run.perform(script('sleep 100'), check({ timeout_ms: 100 }))
  expect(hung.problem).toMatchObject({ kind: 'timeout' })
})
