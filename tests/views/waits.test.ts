import { expect, test } from 'vitest'
import { PLAIN } from '../../src/lib/terminal.ts'
import { countdown, sayAgainAfter, waitText } from '../../src/views/waits.ts'

const SECOND = 1000
const HOUR = 3600 * SECOND

test.each([
  [1, '1 s'],
  [9 * SECOND, '9 s'],
  [8 * SECOND + 1, '9 s'],
  [59 * SECOND + 1, '1m'],
  [24 * HOUR - 1, '1d'],
  [24 * HOUR - 1001, '23h 59m'],
])('of %i ms are left: %s, never 0 before it is over', (ms, text) => {
  expect(countdown(ms)).toBe(text)
})

test('what is said of a wait: its reason, until when, and whose word is missing', () => {
  const until = '2026-11-22T10:30:00.500Z'
  const now = Date.parse(until) - 2 * HOUR
  const reason = '24h after the end of step cutover'
  const said = (more: object, at = now) => waitText({ reason, ...more }, PLAIN, at)
  expect(said({})).toBe(reason)
  expect(said({ until })).toBe(`${reason}; until 2026-11-22T10:30:00Z, 2h left`)
  expect(said({ until }, now + 3 * HOUR)).toBe(`${reason}; until 2026-11-22T10:30:00Z, due now`)
  expect(said({ roles: ['dba', 'qa'] })).toBe(`${reason}; to sign: dba, qa`)
  expect(said({ roles: [] })).toBe(`${reason}; signed`)
})

test('a view of lines says it seldom: a day is some thirty lines', () => {
  let lines = 0
  for (let left = 24 * HOUR; left > 0; left -= sayAgainAfter(left)) lines += 1
  expect(lines).toBeGreaterThan(24)
  expect(lines).toBeLessThan(50)
})
