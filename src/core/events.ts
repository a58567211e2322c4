/** The journal's vocabulary. Events are facts, in the order in which they became durable. */
import type { OnFailure } from './runbook.ts'

/** What a check answered. */
export type Answer = 'holds' | 'does_not_hold' | 'cannot_tell'

/** One check as it was asked, with what it saw. Redacted before it becomes an event. */
export interface Asked {
  title: string
  answer: Answer
  /** The expression that decided, when one did. */
  expression?: string
  /** `file:line:column` in the runbook: of that expression, or of the check. */
  at?: string
  /** Where a named check has that expression in its own file. */
  defined_at?: string
  /** What the expression looked at, or all of them when it holds: `json.version` -> "1.1.0". */
  values?: Record<string, unknown>
  /** Why it does not hold, or why one cannot tell. */
  reason?: string
  /** How many times it was asked (retry). */
  times: number
}

/** What one probe gave at a tick of a soak. */
export interface Sample {
  /** Of its numbers those that could be had. */
  figures: Record<string, number>
  /** There when the sample is bad: what its check answered. */
  bad?: Asked
}

/** One tick of a soak: a sample of every probe. */
export interface Tick {
  /** UTC, ISO 8601. */
  at: string
  /** Watched time up to here, pauses left out. */
  watched_ms: number
  probes: Record<string, Sample>
}

/** What ended a soak before its time. */
export interface Breach {
  probe: string
  /** `cannot_tell` when no sample of the row was a plain no. */
  answer: 'does_not_hold' | 'cannot_tell'
  /** Bad samples in a row, the last one included. */
  row: number
  /** The last ticks up to it. */
  ticks: Tick[]
}

/** Why a step failed. */
export type FailureReason =
  | 'action_failed'
  | 'action_failed_check_passed'
  | 'verify_failed'
  | 'inconclusive'
  | 'during_failed'
  | 'timeout'
  | 'interrupted'
  | 'value_missing'

/** What a person must see of a failure; redacted. */
export interface Failure {
  reason: FailureReason
  message: string
  /** The check or expectation that decided. */
  asked?: Asked
  /** What broke a soak. */
  breach?: Breach
  /** The last lines of the action's output. */
  tail?: string
  hints?: string[]
}

/** A process on some machine, told apart from a later one with the same pid. */
export interface ProcessIdentity {
  pid: number
  /** Clock ticks since boot, from /proc/<pid>/stat. */
  start: string
  boot: string
}

/** Where and by whom a command was given. */
export interface Actor {
  user: string
  host: string
  process: ProcessIdentity
}

export interface Selection {
  only?: string[]
  skip?: string[]
  from?: string
  to?: string
}

export type RunStatus =
  | 'running'
  | 'paused'
  | 'waiting'
  | 'succeeded'
  | 'failed'
  | 'rolling_back'
  | 'rolled_back'
  | 'partly_rolled_back'
  | 'rollback_failed'
  | 'in_doubt'
  | 'abandoned'

/** How a secret is kept in the journal: AES-256-GCM, base64 of iv, tag and text together. */
export type Sealed = { sealed: string }

/** By name; secret ones sealed. */
export type Outputs = Record<string, unknown>

/** Who signed for which role, on which plan. */
export interface Signed {
  role: string
  plan_sha256: string
  by: Actor
  note?: string
  /** The items of a manual step that were confirmed. */
  confirmed?: string[]
  /** The environment answered by itself (`manual: assume`): nobody signed. */
  assumed?: true
}

type RunEvent =
  | {
      type: 'run.created'
      runbook: string
      environment: string
      plan_sha256: string
      partial: boolean
      lock: string
      on_failure?: OnFailure
      by: Actor
      tool: string
      /** Keyed fingerprints, by name, of the secret inputs and of those that a command gave. */
      fingerprints: Record<string, string>
      /** The run in another environment that proved what this one deploys. */
      builds_on?: string
      /** Names of the inputs that were given with `--var`, without those that are secret. */
      vars?: string[]
    }
  | { type: 'run.resumed'; by: Actor; plan_sha256?: string }
  /** `until`, UTC: when the first of its timers is due. */
  | { type: 'run.waiting'; reason: string; until?: string }
  | { type: 'run.paused'; reason: string }
  | {
      type: 'run.rolling_back'
      why: string
      automatic: boolean
      scope?: string
      to?: string
      last_resort?: string[]
    }
  | { type: 'run.finished'; status: RunStatus; exit_code: number; reason?: string }

/** `step` is the step's id in the plan (`id@host` on a host); `attempt` counts from 1 over the whole run. */
type StepEvent =
  /** The intent. `before`: what the check answered before the action, when it was asked. */
  | { type: 'step.armed'; step: string; attempt: number; before?: Answer }
  | {
      type: 'step.started'
      step: string
      attempt: number
      process?: ProcessIdentity
      folder?: string
    }
  /** `outputs` are there from here on, so that its own checks and its undo can use them. */
  | {
      type: 'step.acted'
      step: string
      attempt: number
      ok: boolean
      result: Record<string, unknown>
      outputs: Outputs
      duration_ms: number
      adopted?: boolean
      /** It was refused, and this attempt changed nothing, for certain. */
      unchanged?: true
      /** What a person should know of it although it is no failure. */
      notes?: string[]
    }
  | { type: 'step.verified'; step: string; attempt: number; checks: Asked[] }
  /**
   * What a soak saw since the last such event; a soak goes on from here after a crash. `check`: which
   * of the step's checks it is, from 0; left out, its `during`, which `begins` with the first event
   * of an attempt and goes on after a `gap` when nothing was watched for a while.
   */
  | {
      type: 'step.sampled'
      step: string
      check?: number
      begins?: true
      gap?: true
      ticks: Tick[]
      breach?: Breach
    }
  /** `outputs`: those of a pure check; `settled`: how the end of an interrupted step was found out. */
  | {
      type: 'step.done'
      step: string
      attempt: number
      outputs?: Outputs
      duration_ms: number
      settled?: 'receipt' | 'check' | 'person'
    }
  | { type: 'step.failed'; step: string; attempt: number; failure: Failure; duration_ms: number }
  | { type: 'step.skipped'; step: string; reason: string }
  | { type: 'step.satisfied'; step: string; checks: Asked[]; outputs: Outputs }
  /** For a time (`until`, UTC), for the word of people in `roles`, or for both. */
  | { type: 'step.waiting'; step: string; reason: string; until?: string; roles?: string[] }
  /** A person's word for a role, on the plan that the run had: an approval, or manual work done. */
  | ({ type: 'step.signed'; step: string } & Signed)
  | { type: 'step.in_doubt'; step: string; reason: string }
  | {
      type: 'step.resolved'
      step: string
      as: 'done' | 'not_done' | 'undo'
      reason: string
      by: Actor
    }

/**
 * The mirror, for undoing. `part` is the index in the step's list of undos; last resorts count on
 * behind the ordinary ones.
 */
type UndoEvent =
  | { type: 'undo.armed'; step: string; attempt: number; part: number }
  | {
      type: 'undo.started'
      step: string
      attempt: number
      part: number
      process?: ProcessIdentity
      folder?: string
    }
  | {
      type: 'undo.acted'
      step: string
      attempt: number
      part: number
      ok: boolean
      result: Record<string, unknown>
      duration_ms: number
      adopted?: boolean
      notes?: string[]
    }
  | { type: 'undo.verified'; step: string; attempt: number; part: number; checks: Asked[] }
  | {
      type: 'undo.done'
      step: string
      attempt: number
      part: number
      last: boolean
      duration_ms: number
      /** The step whose last resort undid this one along with its own. */
      covered_by?: string
    }
  | {
      type: 'undo.failed'
      step: string
      attempt: number
      part: number
      failure: Failure
      duration_ms: number
    }
  | { type: 'undo.in_doubt'; step: string; part: number; reason: string }

/** What the engine says; the store adds the rest, and the time where none is given. */
export type NewEvent = (RunEvent | StepEvent | UndoEvent) & {
  at?: string
  /** The host of a step that runs on one; who writes the journal reads it off the step's id. */
  host?: string
}

/** An event as it stands in the journal. */
export type Event = NewEvent & {
  /** From 1, without gaps, within the run. */
  seq: number
  /** UTC, ISO 8601; a label, never an order. */
  at: string
  run: string
  /** SHA-256 of the event before, as it stands in the journal; 64 zeros for the first. */
  prev: string
}
