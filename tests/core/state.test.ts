import { describe, expect, test } from 'vitest'
import type { Event, NewEvent } from '../../src/core/events.ts'
import { nextForStep, stepsToDo } from '../../src/core/next.ts'
import { fold, type RunState } from '../../src/core/state.ts'
import { hasSomethingToUndo, isFinished, stepsToUndo } from '../../src/core/undo.ts'
import { actor, attempt, check, plan, step, undo } from '../samples.ts'

/** A state from a story told in short: `one done`, `two armed`. */
function told(...lines: (string | NewEvent)[]): RunState {
  const news: NewEvent[] = [
    {
      type: 'run.created',
      runbook: 'sample',
      environment: 'test',
      plan_sha256: 'x',
      partial: false,
      lock: 'l',
      by: actor,
      tool: '0',
      fingerprints: {},
    },
  ]
  for (const line of lines) news.push(...(typeof line === 'string' ? words(line) : [line]))
  return fold(
    news.map((e, i): Event => ({
      ...e,
      seq: i + 1,
      at: `2026-01-01T00:00:${String(i).padStart(2, '0')}Z`,
      run: 'r',
      prev: '',
    })),
  )
}

function words(line: string): NewEvent[] {
  const [id = '', word = ''] = line.split(' ')
  const armed: NewEvent[] = [
    { type: 'step.armed', step: id, attempt: 1 },
    { type: 'step.started', step: id, attempt: 1 },
  ]
  const acted: NewEvent = {
    type: 'step.acted',
    step: id,
    attempt: 1,
    ok: true,
    result: {},
    outputs: {},
    duration_ms: 1,
  }
  const undoArmed: NewEvent[] = [
    { type: 'undo.armed', step: id, attempt: 1, part: 0 },
    { type: 'undo.started', step: id, attempt: 1, part: 0 },
  ]
  const failure = { reason: 'action_failed', message: 'no' } as const
  const table: Record<string, NewEvent[]> = {
    armed,
    acted: [...armed, acted],
    done: [...armed, acted, { type: 'step.done', step: id, attempt: 1, duration_ms: 2 }],
    failed: [
      ...armed,
      { ...acted, ok: false },
      { type: 'step.failed', step: id, attempt: 1, failure, duration_ms: 2 },
    ],
    doubt: [...armed, { type: 'step.in_doubt', step: id, reason: 'who knows' }],
    satisfied: [{ type: 'step.satisfied', step: id, checks: [], outputs: {} }],
    skipped: [{ type: 'step.skipped', step: id, reason: 'when' }],
    undone: [
      ...undoArmed,
      { type: 'undo.done', step: id, attempt: 1, part: 0, last: true, duration_ms: 1 },
    ],
    undoing: undoArmed,
    undo_failed: [
      ...undoArmed,
      { type: 'undo.failed', step: id, attempt: 1, part: 0, failure, duration_ms: 1 },
    ],
    resolved_done: [{ type: 'step.resolved', step: id, as: 'done', reason: 'seen', by: actor }],
    resolved_not_done: [
      { type: 'step.resolved', step: id, as: 'not_done', reason: 'seen', by: actor },
    ],
    resolved_undo: [{ type: 'step.resolved', step: id, as: 'undo', reason: 'seen', by: actor }],
  }
  const found = table[word]
  if (found === undefined) throw new Error(`no such word: ${word}`)
  return found
}

const once = step('one')
const idempotent = step('one', { effect: 'idempotent' })
const pure = step('one', { rollback: { kind: 'none' } })
delete pure.act

describe('what is next for a step', () => {
  test.each([
    ['never heard of', once, undefined, 'start'],
    ['intent durable, end unknown', once, 'one armed', 'recover'],
    ['action ended, check not asked', once, 'one acted', 'verify'],
    ['done', once, 'one done', 'over'],
    ['satisfied', once, 'one satisfied', 'over'],
    ['skipped', once, 'one skipped', 'over'],
    ['failed once', once, 'one failed', 'needs_retry'],
    ['failed and idempotent', idempotent, 'one failed', 'start'],
    ['failed and a pure check', pure, 'one failed', 'start'],
    ['in doubt', once, 'one doubt', 'in_doubt'],
    ['undone by on_failure: undo', once, 'one failed,one undone', 'start'],
    ['its undo interrupted', once, 'one failed,one undoing', 'undo'],
    ['a person says done', once, 'one doubt,one resolved_done', 'verify'],
    ['a person says not done', once, 'one doubt,one resolved_not_done', 'start'],
    ['a person says undo', once, 'one doubt,one resolved_undo', 'undo'],
  ] as const)('%s', (_title, what, story, next) => {
    const state = story === undefined ? undefined : told(...story.split(','))
    expect(nextForStep(what, state?.steps.get('one'))).toBe(next)
  })

  test("a person's word lets a once step that failed run again", () => {
    expect(nextForStep(once, told('one failed').steps.get('one'), new Set(['one']))).toBe('start')
  })

  test('what is over is not to do again', () => {
    const p = plan([step('one'), step('two'), step('three')])
    expect(stepsToDo(p, told('one done', 'two satisfied')).map((s) => s.id)).toEqual(['three'])
  })
})

describe('what is to be undone', () => {
  const p = plan([
    step('one', { scope: ['database'] }),
    step('two', { scope: ['app'] }),
    step('three', { scope: ['app'] }),
  ])
  const ids = (state: RunState, request = {}) =>
    stepsToUndo(p, state, request).map((u) => u.step.id)

  test('every step whose action started, in reverse, the failed and the doubtful one included', () => {
    expect(ids(told('one done', 'two failed'))).toEqual(['two', 'one'])
    expect(ids(told('one done', 'two doubt'))).toEqual(['two', 'one'])
    expect(ids(told('one done', 'two armed'))).toEqual(['two', 'one'])
  })

  test('the order is that in which they started, not that of the document', () => {
    expect(ids(told('two done', 'one done'))).toEqual(['one', 'two'])
  })

  test('satisfied, skipped, undone and never started steps are left alone', () => {
    expect(ids(told('one satisfied', 'two skipped'))).toEqual([])
    expect(ids(told('one done', 'two done', 'two undone'))).toEqual(['one'])
  })

  test('a step that ran again after its undo is undone at its new place', () => {
    expect(ids(told('one failed', 'one undone', 'two done', 'one done'))).toEqual(['one', 'two'])
  })

  test('a scope takes its own steps and those of its with', () => {
    const all = told('one done', 'two done', 'three done')
    expect(ids(all, { scope: 'app' })).toEqual(['three', 'two'])
    expect(ids(all, { scope: 'database' })).toEqual(['three', 'two', 'one'])
    expect(() => ids(all, { scope: 'ap' })).toThrowError(
      expect.objectContaining({ exit: 2, hint: 'did you mean "app"?' }) as Error,
    )
  })

  test('to a step leaves that step and all before it', () => {
    expect(ids(told('one done', 'two done', 'three done'), { to: 'two' })).toEqual(['three'])
    expect(() => ids(told('one done'), { to: 'three' })).toThrowError(/was not started/)
  })

  test('a list of undos goes on where it stopped', () => {
    const two = plan([
      step('one', { rollback: { kind: 'undo', undos: [undo('a'), undo('b'), undo('c')] } }),
    ])
    const state = told(
      'one done',
      { type: 'undo.armed', step: 'one', attempt: 1, part: 0 },
      { type: 'undo.done', step: 'one', attempt: 1, part: 0, last: false, duration_ms: 1 },
    )
    expect(stepsToUndo(two, state)[0]?.undos.map((u) => [u.part, u.last])).toEqual([
      [1, false],
      [2, true],
    ])
  })

  test('an irreversible step that started is never crossed', () => {
    const wall = step('wall', { rollback: { kind: 'irreversible', why: 'the data is gone' } })
    const walled = plan([step('one'), wall, step('two')])
    const all = told('one done', 'wall done', 'two done')
    expect(() => stepsToUndo(walled, all)).toThrowError(
      expect.objectContaining({ exit: 6 }) as Error,
    )
    expect(stepsToUndo(walled, all, { to: 'wall' }).map((u) => u.step.id)).toEqual(['two'])
    expect(stepsToUndo(walled, told('one done')).map((u) => u.step.id)).toEqual(['one'])
  })
})

describe('when a run is over', () => {
  const p = plan([step('one'), { ...step('look'), effect: 'none', rollback: { kind: 'none' } }])
  const finished = (
    status: 'failed' | 'rolled_back' | 'abandoned' | 'partly_rolled_back' | 'in_doubt',
    ...story: string[]
  ) => isFinished(p, told(...story, { type: 'run.finished', status, exit_code: 0 }))

  test.each([
    ['rolled back', 'rolled_back', ['one done', 'one undone'], true],
    ['abandoned', 'abandoned', ['one done'], true],
    ['failed with something to undo', 'failed', ['one failed'], false],
    ['failed with nothing to undo', 'failed', ['look failed'], true],
    ['failed before anything', 'failed', [], true],
    ['partly rolled back', 'partly_rolled_back', ['one done'], false],
    ['in doubt', 'in_doubt', ['one doubt'], false],
  ] as const)('%s', (_title, status, story, expected) => {
    expect(finished(status, ...story)).toBe(expected)
  })

  test('a backup that is kept is nothing to undo', () => {
    const kept = plan([
      step('backup', { rollback: { kind: 'keep' }, act: attempt('true'), verify: [check('true')] }),
    ])
    expect(hasSomethingToUndo(kept, told('backup done'))).toBe(false)
  })
})
