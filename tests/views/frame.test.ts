import { describe, expect, test } from 'vitest'
import { palette, PLAIN, width } from '../../src/lib/terminal.ts'
import { frame, slots } from '../../src/views/frame.ts'
import { modelOf, takeEvent, takeProgress, type Model } from '../../src/views/model.ts'
import type { Plan } from '../../src/core/plan.ts'
import { bigPlan, golden, journal, plan, step, type Journal } from './fixture.ts'
import { failure } from './stories.ts'

/** A model that follows a journal. */
function following(of: Plan): { model: Model; run: Journal } {
  const run: Journal = journal({
    start: () => undefined,
    event: (event, state) => takeEvent(model, event, state, of),
    progress: () => undefined,
    end: () => undefined,
  })
  const model = modelOf(of, run.state, 'deploy', run.at())
  return { model, run }
}

/** Up to the middle of the fourth phase. */
function halfway(): { model: Model; run: Journal } {
  const big = bigPlan()
  const { model, run } = following(big)
  const ids = big.steps.map((s) => s.id)
  const at = ids.indexOf('release_5')
  for (const id of ids.slice(0, at)) run.good(id)
  run.add({ type: 'step.armed', step: 'release_5', attempt: 1 })
  takeProgress(model, { kind: 'doing', step: 'release_5', what: 'verifying' }, run.at())
  takeProgress(model, { kind: 'note', text: 'postgres is up' }, run.at())
  const text = Array.from(
    { length: 9 },
    (_, i) => `行 ${i} \x1b[2J${'wide 字 '.repeat(40)}\n`,
  ).join('')
  takeProgress(model, { kind: 'output', step: 'release_5', text }, run.at())
  run.wait(12_000)
  return { model, run }
}

const SIZES = [
  [24, 80],
  [24, 10],
  [24, 40],
  [10, 80],
  [6, 80],
  [3, 20],
  [2, 80],
  [1, 1],
  [60, 200],
  [24, 2],
] as const

describe('a run with 6 phases and 40 steps', () => {
  test.each(SIZES)('%d rows of %d columns', (rows, columns) => {
    const { model, run } = halfway()
    const lines = frame(model, { rows, columns, now: run.at() }, PLAIN)
    expect(lines.length).toBeLessThanOrEqual(Math.max(1, rows - 1))
    for (const line of lines) expect(width(line), line).toBeLessThanOrEqual(columns)
    if (columns > 2) golden(`frame ${rows}x${columns}`, `${lines.join('\n')}\n`)
  })

  test('the step at work is on every screen, wherever the run is', () => {
    const big = bigPlan()
    const { model, run } = following(big)
    for (const { id, title } of big.steps) {
      run.add({ type: 'step.armed', step: id, attempt: 1 })
      for (const rows of [2, 3, 5, 8, 13, 24])
        expect(frame(model, { rows, columns: 80, now: run.at() }, PLAIN).join('\n')).toContain(
          title,
        )
      run.add({ type: 'step.done', step: id, attempt: 1, duration_ms: 5 })
    }
  })

  test('the block does not grow and shrink with the output', () => {
    const { model, run } = halfway()
    const size = { rows: 40, columns: 80, now: run.at() }
    const before = frame(model, size, PLAIN).length
    run.add({ type: 'step.done', step: 'release_5', attempt: 1, duration_ms: 5 })
    run.add({ type: 'step.armed', step: 'release_6', attempt: 1 })
    expect(frame(model, size, PLAIN)).toHaveLength(before)
    expect(frame(model, size, PLAIN).join('\n')).not.toContain('行')
  })

  test('backwards: a scope takes along what its scopes take along', () => {
    const scope = (name: string, ...others: string[]) => ({ title: name, with: others })
    const scopes = { a: scope('a', 'b'), b: scope('b', 'c'), c: scope('c') }
    const steps = ['a', 'b', 'c', 'd'].map((id) => step(id, { scope: [id] }))
    const { model, run } = following(plan({ one: steps }, { scopes }))
    for (const { id } of steps) run.good(id)
    run.add({ type: 'run.rolling_back', why: 'ana asked', automatic: false, scope: 'a' })
    expect(model.toUndo).toBe(3)
  })

  test('backwards: what is undone, out of what was to be undone', () => {
    const { model, run } = halfway()
    run.add({ type: 'step.failed', step: 'release_5', attempt: 1, failure, duration_ms: 5 })
    run.add({ type: 'run.rolling_back', why: 'it failed', automatic: true })
    for (const step of ['release_4', 'release_3']) {
      run.add({ type: 'undo.armed', step, attempt: 1, part: 0 })
      run.wait(500)
      const done = { attempt: 1, part: 0, last: true, duration_ms: 500 }
      run.add({ type: 'undo.done', step, ...done })
    }
    run.add({ type: 'undo.armed', step: 'release_2', attempt: 1, part: 0 })
    const doing = { kind: 'doing', step: 'release_2', what: 'verifying the undo' } as const
    takeProgress(model, doing, run.at())
    const lines = frame(model, { rows: 24, columns: 80, now: run.at() }, PLAIN)
    golden('frame backwards', `${lines.join('\n')}\n`)
  })
})

test('every status has its sign and its word', () => {
  const ids = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i']
  const { model, run } = following(plan({ one: ids.map((id) => step(id)) }))
  run.good('a')
  run.add({ type: 'step.skipped', step: 'b', reason: 'not selected' })
  run.add({ type: 'step.satisfied', step: 'c', checks: [], outputs: {} })
  run.add({ type: 'step.waiting', step: 'd', reason: 'DevOps has to say yes' })
  run.add({ type: 'step.in_doubt', step: 'e', reason: 'nobody recorded its end' })
  run.add({ type: 'step.failed', step: 'f', attempt: 1, failure, duration_ms: 5 })
  const rest = { attempt: 1, part: 0, duration_ms: 5 }
  run.add({ type: 'undo.done', step: 'g', last: true, ...rest })
  run.add({ type: 'undo.failed', step: 'h', failure, ...rest })
  const size = { rows: 24, columns: 80, now: run.at() }
  golden('frame signs', `${frame(model, size, PLAIN).join('\n')}\n`)
  const ascii = frame(model, size, { ...PLAIN, unicode: false }).join('\n')
  expect(ascii).toMatch(/^[\x20-\x7e\n]*$/)
})

test('titles and reasons never decide layout', () => {
  const title = 'a\x1b[2J\nb\rc\u202e'.repeat(40)
  const { model, run } = following(plan({ one: [step('a', { title }), step('b', { title })] }))
  run.add({ type: 'step.skipped', step: 'a', reason: title })
  run.add({ type: 'step.armed', step: 'b', attempt: 1 })
  const look = { ...PLAIN, colours: palette(true) }
  for (const line of frame(model, { rows: 24, columns: 50, now: run.at() }, look)) {
    expect(width(line)).toBeLessThanOrEqual(50)
    expect(line).not.toMatch(/\p{Cc}(?!\[[\d;]*m)|\u202e/u)
  }
})

test('steps side by side: whose output it is', () => {
  const { model, run } = following(plan({ one: ['a', 'b', 'c'].map((id) => step(id)) }))
  for (const id of ['a', 'b']) run.add({ type: 'step.armed', step: id, attempt: 1 })
  takeProgress(model, { kind: 'output', step: 'b', text: 'half a ' }, run.at())
  takeProgress(model, { kind: 'output', step: 'b', text: 'line\nnext\n' }, run.at())
  const lines = frame(model, { rows: 24, columns: 80, now: run.at() }, PLAIN)
  const at = lines.indexOf('   b')
  expect(lines.slice(at, at + 3)).toEqual(['   b', '   │ half a line', '   │ next'])
})

test('an event and a frame cost with 20,000 steps what they cost with 200', () => {
  const following200 = worker(200)
  const following20000 = worker(20_000)
  const spent = { few: 0, many: 0 }
  // Taken in turns, so that whatever else the machine does hits both.
  for (let i = 0; i < 40; i++) {
    spent.few += following200()
    spent.many += following20000()
  }
  expect(spent.many / spent.few).toBeLessThan(3)
})

/** Runs a few steps each time and gives the time that it took. */
function worker(count: number): () => number {
  const ids = Array.from({ length: count }, (_, i) => `s${i}`)
  const { model, run } = following(plan({ one: ids.map((id) => step(id)) }))
  let next = 0
  return () => {
    const from = performance.now()
    for (let i = 0; i < 5; i++) {
      const id = ids[next++] ?? ''
      run.add({ type: 'step.armed', step: id, attempt: 1 })
      frame(model, { rows: 24, columns: 80, now: run.at() }, PLAIN)
      run.add({ type: 'step.done', step: id, attempt: 1, duration_ms: 1 })
    }
    return performance.now() - from
  }
}

describe('windows', () => {
  test('show the row asked for, never more lines than there is room, and count the rest', () => {
    for (const total of [0, 1, 2, 3, 5, 9, 40])
      for (const room of [0, 1, 2, 3, 4, 5, 7, 12, 40])
        for (const before of [1 / 3, 2 / 3])
          for (let at = 0; at < total; at++) {
            const lines = slots(total, room, at, before)
            expect(lines.length).toBe(Math.min(total, room))
            const rows = lines.flatMap((slot) => slot.row ?? [])
            if (room > 0) expect(rows).toContain(at)
            expect(rows).toEqual(rows.map((_, i) => (rows[0] ?? 0) + i))
            if (room < 3) continue
            const hidden = lines.reduce((n, slot) => n + (slot.above ?? 0) + (slot.below ?? 0), 0)
            expect(rows.length + hidden).toBe(total)
          }
  })
})
