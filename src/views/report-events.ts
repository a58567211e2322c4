/** What a report takes from the journal's events: the words of people, and all that did not go as planned. */
import { formatDuration } from '../core/durations.ts'
import type { Actor, Event, Selection } from '../core/events.ts'
import type { StepHistory } from '../core/history.ts'
import type { Plan } from '../core/plan.ts'
import type { RunState } from '../core/state.ts'
import { signatures } from './signatures.ts'
import { failureWords } from './words.ts'

/** A person's word: an answer to a manual step, or a signature for a role. */
export interface PersonsWord {
  at: string
  step: string
  role: string
  /** What was asked; null of an approval, which is about the step itself. */
  ask: string | null
  confirmed: string[]
  by: string
  yes: boolean
  note: string
  /** Nobody said it: the environment answered by itself. */
  assumed: boolean
  /** False: the run has another plan since, or the step was undone. */
  counts: boolean
}

/** Something that was not as the plan has it. `step`: where; left out: of the run. */
export interface Deviation {
  kind:
    'part' | 'override' | 'resumed' | 'paused' | 'skipped' | 'failed' | 'settled' | 'note' | 'late'
  text: string
  step?: string
  at?: string
}

/** The words of people, in their order. What was signed for a manual step is its answer, told once. */
export function answersIn(plan: Plan, state: RunState, events: readonly Event[]): PersonsWord[] {
  const asked = new Map(
    [...plan.steps, ...plan.finally].flatMap(({ id, act }) =>
      act?.action.verb === 'manual' ? [[id, act.action] as const] : [],
    ),
  )
  const signed = signatures(state).map((one): PersonsWord => {
    const { at, step, role, user, host, note, confirmed, assumed, counts } = one
    const by = assumed ? 'nobody' : `${user} on ${host}`
    const ask = asked.get(step)?.ask ?? null
    return { at, step, role, ask, confirmed, by, yes: true, note: note ?? '', assumed, counts }
  })
  const answered = events.flatMap((event): PersonsWord[] => {
    if (event.type !== 'step.acted') return []
    const { at, step, ok: yes, result } = event
    const question = asked.get(step)
    if (question === undefined || (yes && signed.some((one) => one.step === step))) return []
    const said = (name: string) => {
      const text = result[name]
      return typeof text === 'string' ? text : ''
    }
    const { role, ask, confirm } = question
    const [by, note] = [said('by'), said('note')]
    const confirmed = yes ? confirm : []
    const assumed = plan.environment.manual === 'assume'
    return [{ at, step, role, ask, confirmed, by, yes, note, assumed, counts: true }]
  })
  return [...signed, ...answered].toSorted((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0))
}

const who = ({ user, host }: Actor) => `${user} on ${host}`

/** All that did not go as planned, in the order of the journal; then what took longer than estimated. */
export function deviationsIn(
  plan: Plan,
  state: RunState,
  events: readonly Event[],
  {
    history,
    phases,
  }: {
    history: ReadonlyMap<string, StepHistory>
    phases: readonly {
      title: string
      estimate_s: number | null
      actual_ms: number
    }[]
  },
): Deviation[] {
  const left = plan.steps.filter(({ id }) => state.steps.get(id)?.reason === 'not selected')
  const part: Deviation[] = []
  if (plan.selection !== undefined) {
    const ids = left.length === 0 ? '' : `; left out: ${left.map(({ id }) => id).join(', ')}`
    part.push({ kind: 'part', text: `only a part was run, ${selectionText(plan.selection)}${ids}` })
  }
  const estimates = new Map(plan.steps.map(({ id, estimate_s }) => [id, estimate_s]))
  const lateSteps = [...history].flatMap(([step, { done }]): Deviation[] => {
    const estimate = estimates.get(step)
    const took = done.reduce((ms, one) => ms + (one.duration_ms ?? 0), 0)
    if (estimate === undefined || !isNotable(took, estimate)) return []
    return [{ kind: 'late', step, text: beyond(took, estimate) }]
  })
  const latePhases = phases.flatMap(({ title, estimate_s, actual_ms }): Deviation[] =>
    estimate_s === null || !isNotable(actual_ms, estimate_s)
      ? []
      : [{ kind: 'late', text: `phase ${title}: ${beyond(actual_ms, estimate_s)}` }],
  )
  // A step of `finally` is asked after a stop and after a rollback again: its last word counts.
  const lastWord = new Map(
    events.flatMap((event, i) => (event.type === 'step.skipped' ? [[event.step, i] as const] : [])),
  )
  const meant = events.filter(
    (event, i) =>
      event.type !== 'step.skipped' ||
      (lastWord.get(event.step) === i && state.steps.get(event.step)?.status === 'skipped'),
  )
  return [...part, ...meant.flatMap(deviation), ...lateSteps, ...latePhases]
}

/** Half as much again as estimated, and a minute: less is no news of an estimate. */
function isNotable(took_ms: number, estimate_s: number): boolean {
  return took_ms > estimate_s * 1500 && took_ms - estimate_s * 1000 > 60_000
}

function beyond(took_ms: number, estimate_s: number): string {
  return `took ${formatDuration(took_ms)}, estimated were ${formatDuration(estimate_s * 1000)}`
}

function selectionText({ only = [], skip = [], from, to }: Selection): string {
  const words = [
    only.length === 0 ? '' : `only ${only.join(', ')}`,
    skip.length === 0 ? '' : `without ${skip.join(', ')}`,
    from === undefined ? '' : `from ${from}`,
    to === undefined ? '' : `to ${to}`,
  ]
  return words.filter((word) => word !== '').join(', ')
}

/** What one event tells of, that a run as planned does not have. */
function deviation(event: Event): Deviation[] {
  const { at } = event
  const told = (kind: Deviation['kind'], text: string): Deviation[] => [
    { kind, at, text, ...('step' in event && { step: event.step }) },
  ]
  switch (event.type) {
    case 'run.created':
      return event.on_failure === undefined
        ? []
        : told(
            'override',
            `what a failure leads to was given on the command line: ${event.on_failure}`,
          )
    case 'run.resumed': {
      const plan = event.plan_sha256 === undefined ? '' : `, with a new plan ${event.plan_sha256}`
      return told('resumed', `resumed by ${who(event.by)}${plan}`)
    }
    case 'run.paused':
      return told('paused', `paused: ${event.reason}`)
    case 'run.finished':
      return event.status === 'abandoned'
        ? told('override', `abandoned as it stood: ${event.reason ?? ''}`)
        : []
    case 'step.skipped':
      return event.reason === 'not selected' ? [] : told('skipped', `skipped: ${event.reason}`)
    case 'step.failed':
    case 'undo.failed': {
      const what = event.type === 'undo.failed' ? 'its undo failed' : 'failed'
      const attempt = event.attempt > 1 ? ` (attempt ${event.attempt})` : ''
      return told('failed', `${what}${attempt}: ${failureWords(event.failure)}`)
    }
    case 'step.in_doubt':
    case 'undo.in_doubt':
      return told('settled', `in doubt: ${event.reason}`)
    case 'step.resolved':
      return told(
        'settled',
        `resolved by ${who(event.by)} as ${event.as.replace('_', ' ')}: ${event.reason}`,
      )
    case 'step.done':
      return event.settled === undefined
        ? []
        : told('settled', `was interrupted; that it is done is known by ${SETTLED[event.settled]}`)
    case 'step.acted':
    case 'undo.acted':
      return (event.notes ?? []).flatMap((note) => told('note', note))
    default:
      return []
  }
}

const SETTLED = {
  receipt: 'its receipt',
  check: 'its check',
  person: 'the word of a person',
} as const
