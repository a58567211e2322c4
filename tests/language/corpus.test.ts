import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { EXIT, isRunbookError } from '../../src/core/errors.ts'
import { formatProblem } from '../../src/core/problems.ts'
import { loadRunbook } from '../../src/language/load.ts'

const here = import.meta.dirname
const malformed = join(here, 'malformed')
const sound = join(here, 'sound')

/** The error of loading a file that must not load. */
async function refusal(path: string): Promise<unknown> {
  return loadRunbook(path, here).then(
    () => undefined,
    (error: unknown) => error,
  )
}

describe('malformed runbooks are refused, with every problem at its place', () => {
  test.each(readdirSync(malformed))('%s', async (name) => {
    const error = await refusal(join(malformed, name, 'runbook.yaml'))
    if (!isRunbookError(error)) throw new Error(`${name} was accepted or crashed`, { cause: error })
    expect(error.exit).toBe(EXIT.usage)
    const problems = error.problems ?? []
    expect(problems.filter(({ level }) => level !== 'warning')).not.toEqual([])
    for (const { file, line, column } of problems) {
      expect(file).not.toBe('')
      expect(line).toBeGreaterThan(0)
      expect(column).toBeGreaterThan(0)
    }
    const told = `${error.message}\n${problems.map(formatProblem).join('\n')}\n`
    const golden = join(malformed, name, 'expected.txt')
    // UPDATE_GOLDEN=1 npm test -- tests/language writes what is told now; read it before you commit it.
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(golden, told)
    expect(told).toBe(existsSync(golden) ? readFileSync(golden, 'utf8') : '(no golden file)')
  })

  test('there are enough of them', () => {
    expect(readdirSync(malformed).length).toBeGreaterThan(60)
  })
})

describe('sound runbooks near the edge are accepted', () => {
  test.each(readdirSync(sound).filter((entry) => entry.endsWith('.yaml')))('%s', async (name) => {
    const { problems } = await loadRunbook(join(sound, name), here)
    const expected = readFileSync(join(sound, name), 'utf8')
      .split('\n')
      .flatMap((line, i) => (line.includes('# warns') ? [i + 1] : []))
    expect(problems.map(({ line }) => line)).toEqual(expected)
  })
})
