/** A run's state is always a fold of its journal, never stored beside it. */
import type { Actor, Answer, Asked, Event, Failure, ProcessIdentity, RunStatus } from './events.ts'

/**
 * Step life: pending → armed → running → acted → verifying → done | failed; besides skipped, satisfied,
 * waiting, in_doubt. Undo mirrors it. `status` is the word shown to people and in JSON; `flight` is
 * where between intent and end the step stands.
 */
export type StepStatus =
  | 'pending'
  | 'running'
  | 'done'
  | 'failed'
  | 'skipped'
  | 'satisfied'
  | 'waiting'
  | 'in_doubt'
  | 'undone'
  | 'undo_failed'

/** What was started and whose end is not recorded. */
export interface Flight {
  role: 'do' | 'undo'
  attempt: number
  /** Index in the list of undos. */
  part: number
  /** armed: intent recorded; acted: the action's end is recorded, its verification is not. */
  phase: 'armed' | 'acted'
  before?: Answer
  process?: ProcessIdentity
  folder?: string
  ok?: boolean
  result?: Record<string, unknown>
}

export interface StepState {
  id: string
  status: StepStatus
  /** Attempts of the action, over the whole run. */
  attempts: number
  /** Sequence number of the event that first started it: the order for the rollback. */
  started_seq?: number
  started_at?: string
  ended_at?: string
  duration_ms?: number
  outputs: Record<string, unknown>
  checks: Asked[]
  failure?: Failure
  /** Why it was skipped, waits or is in doubt. */
  reason?: string
  flight?: Flight
  /** Undo attempts, and which of its undos are done. */
  undo_attempts: number
  undone_parts: number
  /** What a person said of a step in doubt, until it has been acted upon. */
  resolved?: 'done' | 'not_done' | 'undo'
}

export interface RunState {
  run: string
  runbook: string
  environment: string
  plan_sha256: string
  partial: boolean
  lock: string
  status: RunStatus
  direction: 'forward' | 'backward'
  rollback?: { why: string; automatic: boolean; scope?: string; to?: string; only?: string }
  steps: Map<string, StepState>
  created_at: string
  /** Of the last event. */
  updated_at: string
  by: Actor
  fingerprints: Record<string, string>
  exit_code?: number
  reason?: string
  /** The last event's number and hash are the store's business; this counts the events folded. */
  events: number
}
