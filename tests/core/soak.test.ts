import { describe, expect, test } from 'vitest'
import type { Answer, Tick } from '../../src/core/events.ts'
import { evaluate } from '../../src/core/expressions.ts'
import { breachOf, foldTicks, nothingWatched, soakFields } from '../../src/core/soak.ts'

/** Ticks a second apart; each gives the answer and the value of each probe. */
function ticks(...all: Record<string, [Answer, number]>[]): Tick[] {
  return all.map((probes, i) => ({
    at: new Date(i * 1000).toISOString(),
    watched_ms: i * 1000,
    probes: Object.fromEntries(
      Object.entries(probes).map(([name, [answer, n]]) => {
        const bad = { title: name, answer, times: 1 }
        return [name, { figures: { n }, ...(answer !== 'holds' && { bad }) }]
      }),
    ),
  }))
}

const good = (n = 1): [Answer, number] => ['holds', n]
const no: [Answer, number] = ['does_not_hold', 9]
const untold: [Answer, number] = ['cannot_tell', 9]

describe('figures', () => {
  const watched = foldTicks(
    nothingWatched(),
    ticks(...Array.from({ length: 20 }, (_, i) => ({ web: good(20 - i) }))),
  )
  const value = (source: string): unknown => {
    const found = evaluate(source, soakFields(watched))
    return found.ok ? found.value : found.message
  }

  test.each([
    ['web.n.first', 20],
    ['web.n.last', 1],
    ['web.n.min', 1],
    ['web.n.max', 20],
    ['web.n.mean', 10.5],
    ['web.n.p95', 19],
    ['web.samples', 20],
    ['web.bad + bad', 0],
    ['samples', 20],
    // Doubles, also when they are whole: 1 / 2 would be 0.
    ['web.n.last / 2', 0.5],
    ['web.n.max == 20 && web.n.p95 < 20', true],
    ['web.m.last', 'web.m is missing'],
  ])('%s is %s', (source, expected) => {
    expect(value(source)).toBe(expected)
  })

  test('are the same when they are folded in parts', () => {
    const all = ticks({ a: good(1), b: no }, { a: untold, b: no }, { a: good(3), b: good(2) })
    const whole = foldTicks(nothingWatched(), all)
    const parts = all.reduce((sum, tick) => foldTicks(sum, [tick]), nothingWatched())
    expect(parts).toEqual(whole)
    expect(soakFields(whole)).toMatchObject({ samples: 6, bad: 3, a: { bad: 1 }, b: { bad: 2 } })
    expect(whole.watched_ms).toBe(2000)
  })
})

describe('what breaks it', () => {
  const breach = (tolerate: number, ...all: Parameters<typeof ticks>) =>
    breachOf(foldTicks(nothingWatched(), ticks(...all)), tolerate)

  test('as many bad samples in a row as are tolerated, and not one more', () => {
    expect(breach(0, { a: good() })).toBeUndefined()
    expect(breach(0, { a: no })).toMatchObject({ probe: 'a', answer: 'does_not_hold', row: 1 })
    expect(breach(2, { a: no }, { a: no })).toBeUndefined()
    expect(breach(2, { a: no }, { a: no }, { a: no })).toMatchObject({ row: 3 })
  })

  test('a good one begins a new row, and each probe has its own', () => {
    expect(breach(1, { a: no }, { a: good() }, { a: no })).toBeUndefined()
    expect(breach(1, { a: no, b: good() }, { a: good(), b: no })).toBeUndefined()
  })

  test('cannot tell, when no sample of the row was a plain no', () => {
    expect(breach(1, { a: untold }, { a: untold })).toMatchObject({ answer: 'cannot_tell' })
    expect(breach(1, { a: untold }, { a: no })).toMatchObject({ answer: 'does_not_hold' })
    expect(breach(1, { a: no }, { a: untold })).toMatchObject({ answer: 'does_not_hold' })
    expect(breach(0, { a: untold, b: no })).toMatchObject({ probe: 'b', answer: 'does_not_hold' })
  })

  test('it keeps the last few ticks, however many there were', () => {
    const many = Array.from({ length: 50 }, () => ({ a: good() }))
    const found = breach(0, ...many, { a: no })
    expect(found?.ticks.map(({ watched_ms }) => watched_ms)).toEqual([
      46_000, 47_000, 48_000, 49_000, 50_000,
    ])
  })
})
