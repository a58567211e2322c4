/** A run's state is always a fold of its journal, never stored beside it. */
import { EXIT, failure } from './errors.ts'
import type { OnFailure } from './runbook.ts'
import type { Actor, Answer, Event, Failure, ProcessIdentity, RunStatus, Signed } from './events.ts'
import type { Watched } from './soak.ts'
import { applyToStep, giveUpWaiting } from './step-fold.ts'

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
interface Flight {
  role: 'do' | 'undo'
  attempt: number
  /** Index in the list of undos. */
  part: number
  /** armed: intent recorded; acted: the action's end is recorded, its verification is not. */
  phase: 'armed' | 'acted'
  before?: Answer
  process?: ProcessIdentity
  ok?: boolean
  /** Nothing of the step was there before this attempt: it made it a started one. */
  first?: true
}

export interface Signature extends Signed {
  /** UTC. */
  at: string
  /** An undo takes the word for the step with it: to start again it must be given again. */
  spent: boolean
}

export interface StepState {
  id: string
  status: StepStatus
  /** Attempts of the action, over the whole run. */
  attempts: number
  /** Sequence number of its last event. */
  seq: number
  /**
   * Sequence number of the event that first started it: the order for the rollback. Left out: nothing
   * of it is there to undo, since it never started, or surely changed nothing, or is undone.
   */
  started_seq?: number
  started_at?: string
  /** When its last attempt at doing or undoing began, UTC: its intent; and how long the action of it took. */
  began_at?: string
  acted_ms?: number
  ended_at?: string
  duration_ms?: number
  outputs: Record<string, unknown>
  /** What its soaks have seen, by the index of the check. */
  soaks: Record<number, Watched>
  /** What its `during` has seen. */
  during?: Watched
  failure?: Failure
  /** Why its undo failed: why the step itself did, and a run turned round, stays known. */
  undo_failure?: Failure
  /** Why it was skipped, waits or is in doubt. */
  reason?: string
  /** While it waits: when its timer is due, UTC, and whose word is missing. */
  until?: string
  roles?: string[]
  /**
   * From when `after` counts, UTC: the latest time that the journal knew at its end. A clock that was
   * set back before it ended shortens nobody's wait.
   */
  counts_from?: string
  signatures: Signature[]
  flight?: Flight
  /** Undo attempts, and which of its undos are done. */
  undo_attempts: number
  undone_parts: number
  /** The part that was tried last. */
  undo_part?: number
  /** What a person said of a step in doubt, until it has been acted upon. */
  resolved?: 'done' | 'not_done' | 'undo'
}

export interface RunState {
  run: string
  runbook: string
  environment: string
  plan_sha256: string
  partial: boolean
  status: RunStatus
  direction: 'forward' | 'backward'
  rollback?: {
    why: string
    automatic: boolean
    scope?: string
    to?: string
    last_resort?: string[]
  }
  steps: Map<string, StepState>
  created_at: string
  /** Sequence number of the last event that says where the run goes, or how it ended. */
  turned_seq: number
  /** Of the last event. */
  updated_at: string
  /** The latest time of any event: a clock may have been set back since. */
  latest_at: string
  /** When it came to its end, UTC. */
  finished_at?: string
  by: Actor
  fingerprints: Record<string, string>
  /** Given on the command line, in place of the document's word. */
  on_failure?: OnFailure
  exit_code?: number
  reason?: string
  /** The run in another environment that it builds on. */
  builds_on?: string
  /** Inputs that were given on the command line; secret ones are not among them. */
  vars?: string[]
  /** The last event's number and hash are the store's business; this counts the events folded. */
  events: number
}

/** Steps whose action was started and which are not undone, in the order in which they started. */
export function startedSteps(state: RunState): StepState[] {
  return [...state.steps.values()]
    .filter((s) => s.started_seq !== undefined && s.status !== 'undone')
    .sort((a, b) => (a.started_seq ?? 0) - (b.started_seq ?? 0))
}

function emptyStep(id: string): StepState {
  return {
    id,
    status: 'pending',
    seq: 0,
    attempts: 0,
    outputs: {},
    soaks: {},
    signatures: [],
    undo_attempts: 0,
    undone_parts: 0,
  }
}

/** What failed of a step and is not mended: its undo, or else the step itself. */
export function failureOfStep({ undo_failure, failure }: StepState): Failure | undefined {
  return undo_failure ?? failure
}

/** The state of one step; pending when the journal does not know it. */
export function stepState(state: RunState, id: string): StepState {
  let step = state.steps.get(id)
  if (step === undefined) state.steps.set(id, (step = emptyStep(id)))
  return step
}

function newRun(event: Event & { type: 'run.created' }): RunState {
  const { run, runbook, environment, plan_sha256, partial, by, fingerprints, at } = event
  return {
    run,
    runbook,
    environment,
    plan_sha256,
    partial,
    by,
    fingerprints,
    status: 'running',
    direction: 'forward',
    turned_seq: 1,
    steps: new Map(),
    created_at: at,
    updated_at: at,
    latest_at: at,
    events: 1,
    ...(event.on_failure !== undefined && { on_failure: event.on_failure }),
    ...(event.builds_on !== undefined && { builds_on: event.builds_on }),
    ...(event.vars !== undefined && { vars: event.vars }),
  }
}

function applyToRun(state: RunState, event: Event): void {
  switch (event.type) {
    case 'run.resumed':
      state.status = state.direction === 'backward' ? 'rolling_back' : 'running'
      if (event.plan_sha256 !== undefined) state.plan_sha256 = event.plan_sha256
      delete state.exit_code
      delete state.reason
      delete state.finished_at
      break
    case 'run.waiting':
      state.status = 'waiting'
      state.reason = event.reason
      break
    case 'run.paused':
      state.status = 'paused'
      state.reason = event.reason
      break
    case 'run.rolling_back': {
      const { why, automatic, scope, to, last_resort } = event
      state.status = 'rolling_back'
      state.direction = 'backward'
      for (const step of state.steps.values()) giveUpWaiting(step)
      delete state.exit_code
      delete state.reason
      state.rollback = {
        why,
        automatic,
        ...(scope !== undefined && { scope }),
        ...(to !== undefined && { to }),
        ...(last_resort !== undefined && { last_resort }),
      }
      break
    }
    case 'run.finished':
      state.status = event.status
      state.exit_code = event.exit_code
      state.finished_at = event.at
      if (event.reason !== undefined) state.reason = event.reason
      break
    default:
  }
}

const ENDS = new Set(['step.done', 'step.satisfied', 'step.skipped'])

/** Folds one more event into the state, in place: journals may be long. */
export function apply(state: RunState, event: Event): RunState {
  state.updated_at = event.at
  state.events = event.seq
  // Both are written the same way, so their order as texts is that of the times.
  if (event.at > state.latest_at) state.latest_at = event.at
  if ('step' in event) {
    const step = stepState(state, event.step)
    step.seq = event.seq
    applyToStep(step, event)
    if (ENDS.has(event.type)) step.counts_from = state.latest_at
  } else {
    if (event.type !== 'run.resumed' && event.type !== 'run.paused') state.turned_seq = event.seq
    applyToRun(state, event)
  }
  return state
}

/** The state of a run from all its events. Throws when the first is not `run.created`. */
export function fold(events: readonly Event[]): RunState {
  const [first, ...rest] = events
  if (first?.type !== 'run.created')
    throw failure(EXIT.stale, 'the journal of this run does not begin with run.created')
  const state = newRun(first)
  for (const event of rest) apply(state, event)
  return state
}
