/** The signs and words by which people know a status; every view uses these. */
import type { Answer, Asked, Failure, FailureReason, RunStatus } from '../core/events.ts'
import type { StepStatus } from '../core/state.ts'
import type { Colours, Look } from '../lib/terminal.ts'

type Style = Exclude<keyof Colours, 'on'>

interface Sign {
  sign: string
  /** For terminals whose font has no more. */
  ascii: string
  style: Style
  word: string
}

const SIGNS: Record<StepStatus, Sign> = {
  pending: { sign: '·', ascii: '.', style: 'dim', word: 'pending' },
  running: { sign: '▸', ascii: '>', style: 'cyan', word: 'running' },
  done: { sign: '✓', ascii: '+', style: 'green', word: 'done' },
  failed: { sign: '✗', ascii: 'x', style: 'red', word: 'failed' },
  skipped: { sign: '-', ascii: '-', style: 'dim', word: 'skipped' },
  satisfied: { sign: '=', ascii: '=', style: 'green', word: 'satisfied' },
  waiting: { sign: '‖', ascii: 'w', style: 'yellow', word: 'waiting' },
  in_doubt: { sign: '?', ascii: '?', style: 'yellow', word: 'in doubt' },
  undone: { sign: '↶', ascii: '<', style: 'yellow', word: 'undone' },
  undo_failed: { sign: '!', ascii: '!', style: 'red', word: 'undo failed' },
}

/** The order in which counts are given: what a person must know first stands last and is seen. */
const COUNTED: readonly StepStatus[] = [
  'done',
  'satisfied',
  'skipped',
  'undone',
  'waiting',
  'in_doubt',
  'failed',
  'undo_failed',
]

/** The coloured sign of a step's status, one column wide. */
export function sign(status: StepStatus, look: Look): string {
  const { sign: rich, ascii, style } = SIGNS[status]
  return look.colours[style](look.unicode ? rich : ascii)
}

/** A text in the colour of the status. */
export function inColourOf(status: StepStatus, text: string, look: Look): string {
  return look.colours[SIGNS[status].style](text)
}

/** `in doubt`: the status as it is said. */
export function statusWord(status: StepStatus): string {
  return SIGNS[status].word
}

/** `12 done, 2 skipped, 1 failed`; empty when nothing has come of any step. */
export function countsText(counts: Partial<Record<StepStatus, number>>, look: Look): string {
  return COUNTED.filter((status) => (counts[status] ?? 0) > 0)
    .map((status) => inColourOf(status, `${counts[status] ?? 0} ${statusWord(status)}`, look))
    .join(', ')
}

const RUN_WORDS: Record<RunStatus, { word: string; style: Style }> = {
  running: { word: 'running', style: 'cyan' },
  paused: { word: 'paused', style: 'yellow' },
  waiting: { word: 'waiting', style: 'yellow' },
  succeeded: { word: 'succeeded', style: 'green' },
  failed: { word: 'failed', style: 'red' },
  rolling_back: { word: 'rolling back', style: 'yellow' },
  rolled_back: { word: 'rolled back', style: 'yellow' },
  partly_rolled_back: { word: 'partly rolled back', style: 'yellow' },
  rollback_failed: { word: 'rollback failed', style: 'red' },
  in_doubt: { word: 'in doubt', style: 'yellow' },
  abandoned: { word: 'abandoned', style: 'yellow' },
}

/** `partly rolled back`, in its colour. */
export function runWord(status: RunStatus, look: Look): string {
  return inColourOfRun(status, RUN_WORDS[status].word, look)
}

/** A text in the colour of the run's status. */
export function inColourOfRun(status: RunStatus, text: string, look: Look): string {
  return look.colours[RUN_WORDS[status].style](text)
}

const REASONS: Record<FailureReason, string> = {
  action_failed: 'its action failed',
  action_failed_check_passed: 'its action failed, although its check holds',
  verify_failed: 'its check does not hold',
  inconclusive: 'its check could not be answered',
  during_failed: 'what was watched during it did not hold',
  timeout: 'it took longer than its timeout',
  interrupted: 'it was interrupted',
  value_missing: 'a value that it needs was never recorded',
}

/** Why a step failed, as the end of a sentence that names the step. */
export function reasonWords(reason: FailureReason): string {
  return REASONS[reason]
}

/** The same, with what was said of it; a message that begins with the reason says it itself. */
export function failureWords({ reason, message }: Pick<Failure, 'reason' | 'message'>): string {
  const why = reasonWords(reason)
  return message.startsWith(why) ? message : `${why}: ${message}`
}

const ANSWERS: Record<Answer, string> = {
  holds: 'holds',
  does_not_hold: 'does not hold',
  cannot_tell: 'cannot tell',
}

/** `table-exists holds`, `GET /health does not hold (3 times): status is 503`. */
export function askedText(asked: Asked): string {
  const times = asked.times > 1 ? ` (asked ${asked.times} times)` : ''
  const why = asked.answer !== 'holds' && asked.reason ? `: ${asked.reason}` : ''
  return `${asked.title} ${ANSWERS[asked.answer]}${times}${why}`
}

/** `1 step`, `2 steps`. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`
}

/** A URL without the user and the password that may be in it. */
export function withoutCredentials(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || (url.username === '' && url.password === '')) return text
  url.username = ''
  url.password = ''
  return url.href
}
