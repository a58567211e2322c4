import type { Problem } from './problems.ts'

/** Exit codes, a contract. The table with their meanings is in the README and `runbook --help`. */
export const EXIT = {
  ok: 0,
  fault: 1,
  usage: 2,
  failed: 3,
  rolled_back: 4,
  rollback_failed: 5,
  precondition: 6,
  busy: 7,
  waiting: 8,
  refused: 9,
  stale: 10,
  in_doubt: 11,
  store: 12,
  hangup: 129,
  interrupted: 130,
  terminated: 143,
} as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** How the tool ends that was asked to stop by a signal. */
export const STOPPED_BY = {
  SIGINT: EXIT.interrupted,
  SIGTERM: EXIT.terminated,
  SIGHUP: EXIT.hangup,
} as const

export type StopSignal = keyof typeof STOPPED_BY

export const STOP_SIGNALS = Object.keys(STOPPED_BY) as StopSignal[]

/** The one error of the tool: what happened, what to do next, and with which code the process ends. */
export interface RunbookError extends Error {
  runbookError: true
  exit: ExitCode
  /** The one next command, or the advice, on a line of its own. */
  hint?: string
  /** Everything that is wrong with the input, when that is what happened. */
  problems?: Problem[]
}

/** Makes the one error. `message` is a sentence without its final full stop. */
export function failure(
  exit: ExitCode,
  message: string,
  more: { hint?: string; problems?: Problem[]; cause?: unknown } = {},
): RunbookError {
  const { cause, ...rest } = more
  return Object.assign(new Error(message, cause === undefined ? {} : { cause }), {
    runbookError: true as const,
    exit,
    ...rest,
  })
}

/** Whether it says that somebody wanted it to stop. */
export function isStopped(error: unknown): error is RunbookError {
  return isRunbookError(error) && STOP_SIGNALS.some((signal) => STOPPED_BY[signal] === error.exit)
}

/** Recognised by its mark, so that an error from another copy of this module counts too. */
export function isRunbookError(error: unknown): error is RunbookError {
  return error instanceof Error && (error as { runbookError?: unknown }).runbookError === true
}
