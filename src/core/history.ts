/** What happened to each step, attempt by attempt: the journal once more, for those who look back. */
import type { Asked, Event, Failure } from './events.ts'

/** One attempt at doing or undoing a step. Times are UTC, ISO 8601. */
export interface Try {
  attempt: number
  began_at: string
  ended_at?: string
  duration_ms?: number
  /** How long its action took. */
  acted_ms?: number
  end?: 'done' | 'failed' | 'in_doubt'
  checks: Asked[]
  failure?: Failure
  notes: string[]
  /** What its action gave, in short. */
  result?: Record<string, unknown>
}

export interface StepHistory {
  done: Try[]
  undone: Try[]
  /** Asked before anything was done, and that was enough. */
  satisfied?: Asked[]
  /** The step whose last resort undid this one as well. */
  covered_by?: string
  /** What proved that it is undone, or showed that it is not. */
  proof?: Asked[]
}

type StepEvent = Event & { step: string }

/** By the id of the step; steps that nothing happened to are not in it. */
export function historyOf(events: readonly Event[]): Map<string, StepHistory> {
  const all = new Map<string, StepHistory>()
  for (const event of events) {
    if (!('step' in event)) continue
    const known = all.get(event.step) ?? { done: [], undone: [] }
    all.set(event.step, known)
    take(known, event)
  }
  return all
}

function take(step: StepHistory, event: StepEvent): void {
  const tries = event.type.startsWith('undo.') ? step.undone : step.done
  const now = tries.at(-1)
  switch (event.type) {
    case 'step.armed':
    case 'undo.armed':
      tries.push({ attempt: event.attempt, began_at: event.at, checks: [], notes: [] })
      break
    case 'step.acted':
    case 'undo.acted':
      if (now === undefined) break
      now.result = event.result
      now.acted_ms = event.duration_ms
      now.notes.push(...(event.notes ?? []))
      break
    case 'step.verified':
      if (now !== undefined) now.checks = event.checks
      break
    case 'undo.verified':
      step.proof = event.checks
      break
    case 'step.done':
      if (now !== undefined) end(now, event, 'done')
      break
    case 'undo.done':
      if (event.covered_by !== undefined) step.covered_by = event.covered_by
      else if (now !== undefined) end(now, event, 'done')
      break
    case 'step.failed':
    case 'undo.failed':
      if (now === undefined || now.attempt !== event.attempt) tries.push(unarmed(event))
      else {
        end(now, event, 'failed')
        now.failure = event.failure
      }
      break
    case 'step.in_doubt':
    case 'undo.in_doubt':
      if (now !== undefined) now.end = 'in_doubt'
      break
    case 'step.satisfied':
      step.satisfied = event.checks
      break
    default:
  }
}

function end(now: Try, event: Event & { duration_ms: number }, how: 'done' | 'failed'): void {
  now.ended_at = event.at
  now.duration_ms = event.duration_ms
  now.end = how
}

/** It failed before its action was begun. */
function unarmed(event: Event & { type: 'step.failed' | 'undo.failed' }): Try {
  const { at, attempt, duration_ms, failure } = event
  const times = { began_at: at, ended_at: at, duration_ms }
  const part = event.type === 'undo.failed' ? { part: event.part } : {}
  return { attempt, ...part, ...times, end: 'failed', checks: [], failure, notes: [] }
}
