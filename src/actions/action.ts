/**
 * An action is "try this and tell me what came of it". The same verb serves to do, to verify and to
 * undo; the role gives the result its meaning and brings retry, timeout, redaction and recording.
 */
import type { Action, Channel, Template, Value, VerbName } from '../core/runbook.ts'
import type { ProcessIdentity } from '../core/events.ts'
import type { Piece } from '../core/templates.ts'
import type { Place } from '../lib/far-folders.ts'

/** A question to a person: a manual step. */
export interface Question {
  role: string
  ask: string
  confirm: string[]
}
export interface PersonsAnswer {
  yes: boolean
  by: string
  note?: string
}

/** Whose step it is, for those who are told of it; texts of the journal. */
export interface About {
  run: string
  runbook: string
  environment: string
  /** The run's, as it is now or as it ends. */
  status: string
  step: string
}

/** What a role lends to an action while it runs. Nothing here retries, masks the result or records. */
export interface ActionContext {
  /** Absolute; relative paths of the runbook are under it. */
  root: string
  /** Absolute working folder for processes; a path over there, or empty, when they run elsewhere. */
  cwd: string
  /** Where `run` does it; left out: on this machine. */
  place?: Place
  /** The whole environment of a process that the action starts. */
  env: Record<string, string>
  /** The name and place of this attempt, as RUNBOOK_RUN_ID, RUNBOOK_STEP … are already in `env`. */
  timeout_ms: number
  /** Aborted by a second Ctrl-C: the process tree gets INT, TERM, KILL. */
  interrupt: AbortSignal
  /**
   * Whether its end must be found again after a crash, as that of a deed or an undo must. False for
   * a check: it is just asked again, and costs less. Left out: true.
   */
  recoverable?: boolean
  /** A folder of this attempt's own (0700), made on first use: output, receipt. */
  folder: string
  /** Resolves a value: every `${{ }}` in it replaced; a string that is one template keeps its type. */
  resolve(value: Value): unknown
  /** The same, cut into pieces, for verbs that must treat values apart from text (SQL, URLs). */
  pieces(text: Template): Piece[]
  /** The frozen content of a file of the plan. Throws when the plan has no such file. */
  file(path: string): string
  /**
   * The gate. An action calls it exactly once, when everything is ready and nothing has been done,
   * with the process that waits at the gate if there is one. It returns when the intent is durable.
   * It throws when the intent could not be made durable: then the action must not happen. An action
   * that cannot even begin (no connection, no such folder) returns its problem without calling it.
   */
  gate(process?: ProcessIdentity): Promise<void>
  /** Output as it comes, for people; the role masks it. */
  output(text: string): void
  /** Asks a person; throws a RunbookError with exit 8 where nobody can answer. */
  ask(question: Question): Promise<PersonsAnswer>
  about: About
  /** The environment's channel of that name. */
  channel(name: string): Channel | undefined
  /** Hides every secret in a text. */
  mask(text: string): string
}

/** What came of it. */
export interface Outcome {
  /** What `expect` and `outputs` see: the verb's documented fields. */
  fields: Record<string, unknown>
  /**
   * Set when there is no result that an expectation could be asked about.
   * failed: it was tried and went wrong. cannot_tell: 126, 127, a signal, a timeout, no connection.
   * lost: it may still run where it was started.
   */
  problem?: { kind: 'failed' | 'cannot_tell' | 'timeout' | 'interrupted' | 'lost'; message: string }
  /** Of one with a problem: it changed nothing, for certain. */
  unchanged?: true
  /** The last lines of output, at most a few KiB; masked, before it was cut. */
  tail?: string
  /** Something worth a line that is no failure: processes left running and ended, forced kill. */
  notes?: string[]
}

/** What is known of an attempt whose tool died: the gate and the receipt tell. */
export type Recovery =
  /** The gate was never opened: nothing happened. */
  | { state: 'never' }
  /** It has ended, before or while we waited; how long it took where its receipt says it. */
  | { state: 'ended'; outcome: Outcome; duration_ms?: number }
  /** Nobody knows. */
  | { state: 'unknown' }
  /** The machine where it may still run could not be asked. */
  | { state: 'unreachable'; why: string }

export interface Verb<V extends VerbName = VerbName> {
  perform(action: Extract<Action, { verb: V }>, context: ActionContext): Promise<Outcome>
  /**
   * What is taken to have come of an attempt whose end nobody recorded, for a verb that must not be
   * done twice and that no person is asked about.
   */
  lost?: Outcome
  /**
   * Verbs without it leave no receipt. Waits for one that still runs, calling `running` first.
   * `wrapper` is the process that was handed to the gate, as the journal has it: the one note of it
   * that surely outlives a loss of power. Without it nobody knows.
   */
  recover?(
    action: Extract<Action, { verb: V }>,
    context: ActionContext,
    running: (process: ProcessIdentity) => void,
    wrapper: ProcessIdentity | undefined,
  ): Promise<Recovery>
}
