import { expect, test } from 'vitest'
import type { Watching } from '../../src/core/view.ts'
import { PLAIN } from '../../src/lib/terminal.ts'
import { failureFields } from '../../src/views/failure.ts'
import { frame } from '../../src/views/frame.ts'
import { modelOf, takeEvent, takeProgress } from '../../src/views/model.ts'
import { page } from '../../src/views/page.ts'
import { plainView } from '../../src/views/plain.ts'
import { clockTime } from '../../src/views/times.ts'
import { toldNowAndThen, watchTexts } from '../../src/views/watching.ts'
import { journal, paper, plan, step } from './fixture.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const watching: Watching = {
  watched_ms: 190_000,
  for_ms: DAY,
  last: { web: { duration_ms: 12, errors: 0.012345 }, db: { duration_ms: 3 } },
  bad: 0,
}

test('the row of a soak tells its clock, its last figures and what was bad', () => {
  const of = plan({ one: [step('day')] })
  const run = journal()
  const model = modelOf(of, run.state, 'deploy', run.at())
  takeEvent(model, run.add({ type: 'step.armed', step: 'day', attempt: 1 }), run.state, of)
  takeProgress(model, { kind: 'watching', step: 'day', ...watching }, run.at())
  const row = (columns: number) =>
    frame(model, { rows: 24, columns, now: run.at() + 5000 }, PLAIN).find((l) => l.includes('day'))
  // The clock goes on between two samples.
  expect(row(110)).toContain('watching 00:03:15 of 1d, web 12 ms errors 0.01235, db 3 ms, 0 bad')
  expect(row(64)).toContain('watching 00:03:15 of 1d, web 12 ms, db 3 ms, 0 bad')
  expect(row(44)).toContain('watching 00:03:15 of 1d, 0 bad')
  run.wait(1000)
  takeEvent(
    model,
    run.add({ type: 'step.done', step: 'day', attempt: 1, duration_ms: 9 }),
    run.state,
    of,
  )
  expect(row(110)).not.toContain('watching')
})

test('without an end it says only how long', () => {
  const { watched_ms, last, bad } = watching
  expect(watchTexts({ watched_ms, last, bad }, 0)[1]).toBe(
    'watching 00:03:10, web 12 ms, db 3 ms, 0 bad',
  )
})

test('lines are told each minute of a short soak, each hour of a day', () => {
  const told = (for_ms: number, hours: number) => {
    let now = 0
    const isTold = toldNowAndThen(() => now)
    let lines = 0
    for (; now <= hours * HOUR; now += 30_000) if (isTold('s', { ...watching, for_ms })) lines += 1
    return lines
  }
  expect(told(10 * 60_000, 1 / 6)).toBe(10)
  expect(told(DAY, 24)).toBe(24)
})

test('plain: a line now and then, and one for what was bad', () => {
  const { out, text } = paper()
  let now = Date.parse('2025-06-14T02:10:00Z')
  const view = plainView(out, { now: () => now })
  const run = journal(view)
  view.start(plan({ one: [step('day')] }), run.state, 'deploy')
  for (let i = 0; i < 5; i++, now += 30_000)
    view.progress({ kind: 'watching', step: 'day', ...watching, for_ms: 600_000 })
  expect(text().match(/day watching/g)).toHaveLength(2)
  const tick = (bad: boolean) => ({
    at: '2025-06-14T02:10:00.000Z',
    watched_ms: 0,
    probes: {
      web: {
        figures: { duration_ms: 12 },
        ...(bad && {
          bad: { title: 'GET /', answer: 'does_not_hold' as const, reason: '503', times: 1 },
        }),
      },
    },
  })
  run.add({ type: 'step.sampled', step: 'day', check: 0, ticks: [tick(false)] })
  expect(text()).not.toContain('bad sample')
  const ticks = [tick(false), tick(true)]
  const breach = { probe: 'web', answer: 'does_not_hold' as const, row: 1, ticks }
  run.add({ type: 'step.sampled', step: 'day', check: 0, ticks, breach })
  expect(text()).toContain('day a bad sample of web: GET / does not hold: 503')
  const failure = { reason: 'verify_failed' as const, message: 'web', breach }
  run.add({ type: 'step.failed', step: 'day', attempt: 1, failure, duration_ms: 1 })
  const failed = page(PLAIN)
  const state = run.state.steps.get('day')
  if (state === undefined) throw new Error('it is not there')
  failureFields(failed, plan({ one: [step('day')] }), state)
  expect(failed.text()).toMatch(/samples +02:10:00.000 UTC, after 0 ms: web 12 ms\n/)
  expect(failed.text()).toMatch(/web 12 ms BAD\n/)
  const local = { ...PLAIN, localTime: true }
  const there = page(local)
  failureFields(there, plan({ one: [step('day')] }), state)
  expect(there.text()).toContain(`${clockTime('2025-06-14T02:10:00Z', local)}.000, after 0 ms`)
})
