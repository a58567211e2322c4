import { expect, test } from 'vitest'
import type { NewEvent } from '../../src/core/events.ts'
import { modelOf, takeEvent, takeProgress } from '../../src/views/model.ts'
import { phaseTimes } from '../../src/views/times.ts'
import { journal, plan, step } from './fixture.ts'

const twoAtOnce = () => {
  const made = plan({ one: [step('slow'), step('quick')] })
  Object.assign(made.phases[0] ?? {}, { concurrent: 2 })
  return made
}

const armed = (id: string): NewEvent[] => [
  { type: 'step.armed', step: id, attempt: 1 },
  { type: 'step.started', step: id, attempt: 1 },
]

const ended = (id: string, acted_ms: number, duration_ms: number): NewEvent[] => [
  {
    type: 'step.acted',
    step: id,
    attempt: 1,
    ok: true,
    result: {},
    outputs: {},
    duration_ms: acted_ms,
    adopted: true,
  },
  { type: 'step.done', step: id, attempt: 1, duration_ms, settled: 'receipt' },
]

/** Both begin at once; the tool dies after the quick one is done, and the slow one goes on for 8 s. */
function died() {
  const run = journal()
  for (const event of [...armed('slow'), ...armed('quick')]) run.add(event)
  run.wait(2000)
  for (const event of ended('quick', 2000, 2000)) run.add(event)
  return run
}

test('steps side by side count once, also when one of them ended under a tool that had died', () => {
  const run = died()
  run.wait(60_000)
  for (const event of ended('slow', 8000, 8100)) run.add(event)
  expect(phaseTimes(twoAtOnce(), run.state)[0]?.ms).toBe(8100)
})

test('the live tree counts what an earlier process began: as its receipt says', () => {
  const [run, made] = [died(), twoAtOnce()]
  run.wait(60_000)
  const model = modelOf(made, run.state, 'resume', run.at())
  takeProgress(model, { kind: 'doing', step: 'slow', what: 'verifying' }, run.at())
  run.wait(100)
  for (const event of ended('slow', 8000, 8100)) takeEvent(model, run.add(event), run.state, made)
  expect(model.phases[0]?.ms).toBe(8100)
  expect(model.before_ms).toBe(8000)
})

test('and while it still runs: since its intent', () => {
  const [run, made] = [died(), twoAtOnce()]
  run.wait(1000)
  const model = modelOf(made, run.state, 'resume', run.at())
  takeProgress(model, { kind: 'doing', step: 'slow', what: 'still running' }, run.at())
  const row = model.steps.get('slow')
  expect(run.at() - (row?.since ?? 0)).toBe(3000)
  run.wait(5000)
  for (const event of ended('slow', 8000, 8000)) takeEvent(model, run.add(event), run.state, made)
  expect(model.phases[0]?.ms).toBe(8000)
})
