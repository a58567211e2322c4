import { statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { run } from '../../src/actions/run.ts'
import { celScope } from '../../src/core/expression-values.ts'
import { context } from './context.ts'

const script = (text: string) => ({ verb: 'run', script: text, leaves_processes: false }) as const

test('of a flood the head and the tail are kept, in little memory and little space', async () => {
  const at = context()
  global.gc?.()
  const before = process.memoryUsage().rss
  const text = 'echo first; yes 0123456789 | head -c 200M || true; echo last'
  const { fields, notes, problem } = await run.perform(script(text), at)
  const grown = process.memoryUsage().rss - before
  expect(problem).toBeUndefined()
  expect(fields.exit_code).toBe(0)
  const stdout = String(fields.stdout)
  expect(stdout.length).toBeLessThan(1.01 * 2 ** 20)
  expect(stdout.startsWith('first\n0123456789\n')).toBe(true)
  expect(stdout.endsWith('last')).toBe(true)
  expect(stdout).toMatch(/\n\[… \d+ bytes left out …\]\n/)
  expect(notes?.join()).toMatch(/stdout: \d{9} bytes, the middle was left out/)
  expect(grown).toBeLessThan(100 * 2 ** 20)
  expect(at.shown.join('').length).toBeLessThan(8 * 2 ** 20)
  expect(statSync(join(at.folder, 'out')).size).toBeLessThan(5 * 2 ** 20)
})

test.each([
  ['a short text of three bytes a character', `printf '部署完成'`, []],
  ['exactly the limit', 'yes | head -c 1M', []],
  [
    'little more than the limit',
    'yes | head -c 1500000 >&2',
    ['stderr: 1500000 bytes, the middle was left out'],
  ],
])('whether the middle was left out is said of %s', async (_name, text, said) => {
  const { notes = [] } = await run.perform(script(`${text} || true`), context())
  expect(notes).toEqual(said)
})

test('with what stands for its middle it is no longer than expressions see, so they see its end', async () => {
  const { fields } = await run.perform(script('yes | head -c 2M || true; echo last'), context())
  expect(
    celScope(fields, [{ segments: ['stdout'], nodes: [], asked: false }]).get('stdout'),
  ).toMatch(/out …\]\n[^]*last$/)
})

test('bytes that are no text become U+FFFD', async () => {
  const { fields } = await run.perform(script(`printf 'a\\xff\\x00b\\xe2\\x82'`), context())
  expect(fields.stdout).toBe('a\ufffd\0b\ufffd')
})

test('output is passed on while the script runs, characters whole', async () => {
  const at = context()
  const text = `printf 'a\\xe2\\x82'; sleep 0.3; printf '\\xac b'; sleep 0.3; echo; echo c >&2`
  let early: string[] = []
  setTimeout(() => (early = [...at.shown]), 250)
  await run.perform(script(text), at)
  expect(early.join('')).toBe('a')
  expect(at.shown.join('')).toBe('a€ b\nc\n')
})

test('a script that opens /dev/stderr anew does not upset the reading', async () => {
  const at = context()
  const text = 'echo one >&2; sleep 0.2; echo two >/dev/stderr; echo three >&2'
  const { fields } = await run.perform(script(text), at)
  expect(fields.exit_code).toBe(0)
  expect(String(fields.stderr)).toContain('three')
})

test('a long line without an end is passed on as it comes', async () => {
  const at = context()
  await run.perform(script(`head -c 1M /dev/zero | tr '\\0' x; sleep 0.2`), at)
  expect(at.shown.join('').length).toBeLessThan(70_000)
  expect(at.shown.join('')).toContain('bytes left out')
})
