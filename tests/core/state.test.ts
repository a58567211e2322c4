import { describe, expect, test } from 'vitest'
import type { Event, NewEvent } from '../../src/core/events.ts'
import { finallyToDo, nextForStep, stepsToDo } from '../../src/core/next.ts'
import { fold, type RunState } from '../../src/core/state.ts'
import { demandLastResorts } from '../../src/core/last-resort.ts'
import {
  hasLastResortLeft,
  hasSomethingToUndo,
  isFinished,
  stepsToUndo,
  whyNotByItself,
} from '../../src/core/undo.ts'
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
    refused: [
      ...armed,
      { ...acted, ok: false, unchanged: true },
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

test('a run that goes back waits for nothing any more', () => {
  const until = '2026-01-02T00:00:00Z'
  const state = told(
    'one done',
    { type: 'step.waiting', step: 'two', reason: '1h after', until, roles: ['dba'] },
    { type: 'run.rolling_back', why: 'commanded by ada', automatic: false },
  )
  const { status, until: due, roles, reason } = state.steps.get('two') ?? {}
  expect([status, due, roles, reason]).toEqual(['pending', undefined, undefined, undefined])
})

describe('what is next for a step', () => {
  test.each([
    ['never heard of', once, undefined, 'start'],
    ['intent durable, end unknown', once, 'one armed', 'recover'],
    ['action ended, check not asked', once, 'one acted', 'verify'],
    ['done', once, 'one done', 'over'],
    ['satisfied', once, 'one satisfied', 'over'],
    ['skipped', once, 'one skipped', 'over'],
    ['failed once', once, 'one failed', 'needs_retry'],
    ['failed once, and surely changed nothing', once, 'one refused', 'start'],
    ['so at last, but not before', once, 'one failed,one refused', 'needs_retry'],
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

  test('nor one that surely changed nothing, unless another attempt may have', () => {
    expect(ids(told('one done', 'two refused'))).toEqual(['one'])
    expect(ids(told('one done', 'two refused', 'two refused'))).toEqual(['one'])
    expect(ids(told('two refused', 'one done', 'two failed'))).toEqual(['two', 'one'])
    expect(ids(told('two failed', 'one done', 'two refused'))).toEqual(['one', 'two'])
    expect(ids(told('two armed', 'two refused'))).toEqual(['two'])
    expect(ids(told('two failed', 'two undone', 'two refused'))).toEqual([])
    expect(ids(told('two doubt', 'two resolved_not_done', 'two refused'))).toEqual([])
  })

  test('what surely changed nothing is over when the tool dies before it says that it failed', () => {
    const [armed, started, acted] = words('two refused')
    const state = told('one done', ...[armed, started, acted].flatMap((event) => event ?? []))
    expect(state.steps.get('two')?.status).toBe('running')
    expect(ids(state)).toEqual(['one'])
    expect(nextForStep(step('two'), state.steps.get('two'))).toBe('verify')
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
    const refused = told('one done', 'wall refused')
    expect(stepsToUndo(walled, refused).map((u) => u.step.id)).toEqual(['one'])
  })
})

describe('what is done at the end of a run', () => {
  const p = plan([step('one')], { finally: [step('tell', { phase: 'finally' }), step('why')] })
  const todo = (...story: Parameters<typeof told>) =>
    finallyToDo(p, told('one done', ...story)).map(({ id }) => id)
  const finished: NewEvent = { type: 'run.finished', status: 'failed', exit_code: 3 }
  const resumed: NewEvent = { type: 'run.resumed', by: actor }

  test('is not done again when the tool died before it could say that it was the end', () => {
    expect(todo()).toEqual(['tell', 'why'])
    expect(todo('tell done', 'why armed', resumed)).toEqual(['why'])
    expect(todo('tell done', 'why done', resumed)).toEqual([])
  })

  test('is not done again when a person paused the run in the middle of it', () => {
    const paused: NewEvent = { type: 'run.paused', reason: 'SIGINT' }
    expect(todo('tell done', paused, resumed)).toEqual(['why'])
  })

  test('is done again at every other end', () => {
    expect(todo('tell done', finished, resumed)).toEqual(['tell', 'why'])
    expect(todo('tell done', resumed, 'one undone')).toEqual(['tell', 'why'])
  })
})

describe('a failure undoes by itself', () => {
  const one = step('one', { rollback: { kind: 'undo', undos: [undo('a', { loses: 'Orders.' })] } })
  const sample = plan([one, step('two')])
  const guarded = { ...sample, environment: { ...sample.environment, protected: true } }
  const state = told('one done', 'two failed')

  test('what loses nothing, or what is not protected', () => {
    expect(whyNotByItself(sample, state)).toBeUndefined()
    expect(whyNotByItself(guarded, state, ['two'])).toBeUndefined()
  })

  test('but nothing that would be lost where it is protected, and nothing behind a wall', () => {
    expect(whyNotByItself(guarded, state)).toContain(
      'would lose data in a protected environment (Orders.)',
    )
    const wall = step('two', { rollback: { kind: 'irreversible', why: 'gone' } })
    expect(whyNotByItself(plan([one, wall]), state)).toContain('"two" cannot be undone')
    expect(whyNotByItself(plan([wall, step('three')]), state, ['three'])).toBeUndefined()
  })

  test('and a fault of ours is not taken for a reason', () => {
    const broken = { ...sample, steps: undefined as never }
    expect(() => whyNotByItself(broken, state)).toThrow(TypeError)
  })
})

describe('last resorts', () => {
  const resort = (covers?: string[]) =>
    undo('restore', { loses: 'All since.', ...(covers !== undefined && { covers }) })
  const p = plan([
    step('first'),
    step('table', {
      rollback: { kind: 'undo', undos: [undo('a'), undo('b')], last_resort: [resort(['seed'])] },
    }),
    step('between'),
    step('seed'),
    step('wall', { rollback: { kind: 'irreversible', why: 'gone', last_resort: [resort()] } }),
    step('after'),
  ])
  const story = ['first done', 'table done', 'between done', 'seed done']
  const all = [...story, 'wall done', 'after done']
  /** `table#2+seed`: part 2 of table, which covers seed. */
  const order = (state: RunState, request = {}) =>
    stepsToUndo(p, state, request).map(
      ({ step: { id }, undos, covers }) =>
        id + undos.map(({ part }) => `#${part}`).join('') + covers.map((c) => `+${c.id}`).join(''),
    )
  const asked = (state: RunState, last_resort: string[], more = {}) => {
    const request = { last_resort, ...more }
    demandLastResorts(p, state, last_resort, stepsToUndo(p, state, request))
    return order(state, request)
  }

  test('are no part of an ordinary rollback', () => {
    expect(order(told(...story))).toEqual(['seed#0', 'between#0', 'table#0#1', 'first#0'])
  })

  test('by name take the place of what they undo, where the newest of that stands', () => {
    expect(asked(told(...story), ['table'])).toEqual(['table#2+seed', 'between#0', 'first#0'])
    expect(asked(told('first done', 'table failed'), ['table'])).toEqual(['table#2', 'first#0'])
    expect(asked(told(...story, 'seed undone'), ['table'])).toEqual([
      'between#0',
      'table#2',
      'first#0',
    ])
  })

  test('of an irreversible step open the way that is closed without them', () => {
    const closed = () => order(told(...all))
    expect(closed).toThrowError(
      expect.objectContaining({
        exit: 6,
        message: expect.stringContaining('"wall" cannot be undone: gone') as string,
        hint: expect.stringContaining('runbook rollback r --last-resort wall') as string,
      }) as Error,
    )
    expect(closed).toThrowError(
      expect.objectContaining({
        hint: expect.stringContaining('restore; loses: All since.') as string,
      }) as Error,
    )
    expect(asked(told(...all), ['wall'])).toEqual([
      'after#0',
      'wall#0',
      'seed#0',
      'between#0',
      'table#0#1',
      'first#0',
    ])
    expect(asked(told(...all), ['wall', 'table'])).toEqual([
      'after#0',
      'wall#0',
      'table#2+seed',
      'between#0',
      'first#0',
    ])
    expect(order(told(...all), { to: 'wall' })).toEqual(['after#0'])
  })

  test('that broke off go on, and so does the ordinary way after them', () => {
    const two = plan([
      step('one', {
        rollback: { kind: 'undo', undos: [undo('a')], last_resort: [resort(), resort()] },
      }),
    ])
    const half = told(
      'one done',
      { type: 'undo.armed', step: 'one', attempt: 1, part: 1 },
      { type: 'undo.done', step: 'one', attempt: 1, part: 1, last: false, duration_ms: 1 },
    )
    const parts = (request = {}) => stepsToUndo(two, half, request)[0]?.undos.map((u) => u.part)
    expect(parts({ last_resort: ['one'] })).toEqual([2])
    expect(parts()).toEqual([0])
  })

  test.each([
    ['no such step', ['tabel'], {}, 'the run has no step "tabel"'],
    ['none of its own', ['seed'], {}, 'there is no last resort of step "seed"'],
    ['never started', ['wall'], {}, 'has nothing to undo in this run: it is pending'],
    ['left by --to', ['table'], { to: 'between' }, 'undoes table, which this rollback is to leave'],
    ['left by --scope', ['table'], { scope: 'app' }, 'undoes table, seed, which this rollback'],
  ])('that cannot be taken are refused: %s', (_title, names, more, message) => {
    expect(() => asked(told(...story), names, more)).toThrowError(
      expect.objectContaining({
        exit: 2,
        message: expect.stringContaining(message) as string,
      }) as Error,
    )
  })

  test('on hosts are those of all of them, or of one, and cover only what is on theirs', () => {
    const on = (id: string, name: string, more = {}) =>
      step(`${id}@${name}`, { on: { step: id, title: id, host: { name, facts: {} } }, ...more })
    const last = {
      rollback: { kind: 'undo' as const, undos: [undo('a')], last_resort: [resort(['b'])] },
    }
    const hosts = plan([on('a', 'h1', last), on('a', 'h2', last), on('b', 'h1'), on('b', 'h2')])
    const state = told('a@h1 done', 'a@h2 done', 'b@h1 done', 'b@h2 done')
    const how = (name: string) =>
      stepsToUndo(hosts, state, { last_resort: [name] }).map(
        ({ step: { id }, covers }) => id + covers.map((c) => `+${c.id}`).join(''),
      )
    expect(how('a')).toEqual(['a@h2+b@h2', 'a@h1+b@h1'])
    expect(how('a@h1')).toEqual(['b@h2', 'a@h1+b@h1', 'a@h2'])
  })

  test('keep the run to be found, and its lock free', () => {
    const only = plan([
      step('wall', { rollback: { kind: 'irreversible', why: 'gone', last_resort: [resort()] } }),
    ])
    const over = told('wall done', { type: 'run.finished', status: 'succeeded', exit_code: 0 })
    expect([isFinished(only, over), hasLastResortLeft(only, over)]).toEqual([true, true])
    expect(() => stepsToUndo(only, over)).toThrowError(
      expect.objectContaining({ exit: 6 }) as Error,
    )
  })

  test('a failed one that a person finished by hand is only verified', () => {
    const state = told(
      ...story,
      { type: 'undo.armed', step: 'table', attempt: 1, part: 2 },
      {
        type: 'undo.failed',
        step: 'table',
        attempt: 1,
        part: 2,
        failure: { reason: 'timeout', message: '' },
        duration_ms: 1,
      },
      'table resolved_done',
    )
    expect(state.steps.get('table')?.flight).toMatchObject({ part: 2, phase: 'acted', ok: true })
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
