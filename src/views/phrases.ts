/** Each event that a person should see, as a phrase; used by the plain view and by `logs`. */
import { formatDuration } from '../core/durations.ts'
import type { Asked, Event } from '../core/events.ts'
import { hasLastResort } from '../core/last-resort.ts'
import type { Step } from '../core/runbook.ts'
import type { RunState } from '../core/state.ts'
import { cleanLine } from '../lib/clean.ts'
import type { Look } from '../lib/terminal.ts'
import { against, dateTime } from './times.ts'
import { badTicks } from './watching.ts'
import { askedText, failureWords, runWord } from './words.ts'

/** What the event says, in one line; undefined for those that only the journal needs. */
export function phraseOf(
  event: Event,
  step: Step | undefined,
  state: RunState | undefined,
  look: Look,
): string | undefined {
  const words =
    'step' in event
      ? stepWords(event, step, look, state !== undefined)
      : runWords(event, state, look)
  return words === undefined ? undefined : cleanLine(words, look)
}

function runWords(event: Event, state: RunState | undefined, look: Look): string | undefined {
  switch (event.type) {
    case 'run.resumed':
      return `resumed by ${event.by.user} on ${event.by.host}`
    case 'run.waiting':
      return `waiting${till(event.until, look)}: ${event.reason}`
    case 'run.paused':
      return `paused: ${event.reason}`
    case 'run.rolling_back':
      return `rolling back${range(event)}: ${event.why}`
    case 'run.finished': {
      const status = runWord(event.status, look)
      return event.reason === undefined ? status : `${status}: ${event.reason}`
    }
    default:
      return state === undefined && event.type === 'run.created'
        ? `created by ${event.by.user} on ${event.by.host}`
        : undefined
  }
}

function till(until: string | undefined, look: Look): string {
  return until === undefined ? '' : ` until ${dateTime(until, look)}`
}

function range(event: { scope?: string; to?: string; last_resort?: string[] }): string {
  const { scope, to, last_resort = [] } = event
  const words = [
    scope === undefined ? '' : ` scope ${scope}`,
    to === undefined ? '' : ` to ${to}`,
    last_resort.length === 0 ? '' : ` by the last resort of ${last_resort.join(', ')}`,
  ]
  return words.join('')
}

function stepWords(
  event: Event & { step: string },
  step: Step | undefined,
  look: Look,
  live: boolean,
): string | undefined {
  const id = event.step
  switch (event.type) {
    case 'step.armed': {
      const title = step === undefined || step.title === id ? '' : `: ${step.title}`
      return `${id} started${nth(event.attempt)}${title}`
    }
    case 'step.acted':
    case 'undo.acted':
      // While a run is driven its view has shown them already.
      return live || event.notes === undefined ? undefined : `${id} note: ${event.notes.join('; ')}`
    case 'step.verified':
      return `${id} checked: ${checksText(event.checks)}`
    case 'step.sampled': {
      const words = [event.gap === true ? 'watched again after a gap' : '', badTicks(event.ticks)]
      const said = words.filter((word) => word !== '')
      return said.length === 0 ? undefined : `${id} ${said.join('; ')}`
    }
    case 'step.done': {
      const settled = event.settled === undefined ? '' : ` (known by its ${SETTLED[event.settled]})`
      return `${id} done in ${against(event.duration_ms, step?.estimate_s)}${settled}`
    }
    case 'step.failed':
    case 'undo.failed': {
      const what = event.type === 'undo.failed' ? 'undo failed' : 'failed'
      const took = formatDuration(event.duration_ms)
      return `${id} ${what} after ${took}: ${failureWords(event.failure)}`
    }
    case 'step.skipped':
      return `${id} skipped: ${event.reason}`
    case 'step.satisfied':
      return `${id} satisfied, not run: ${checksText(event.checks)}`
    case 'step.waiting':
      return `${id} waiting${till(event.until, look)}: ${event.reason}`
    case 'step.signed': {
      const note = event.note === undefined ? '' : `: ${event.note}`
      const who = event.assumed === true ? 'nobody' : `${event.by.user} on ${event.by.host}`
      return `${id} signed as ${event.role} by ${who}, on plan ${event.plan_sha256.slice(0, 12)}${note}`
    }
    case 'step.in_doubt':
    case 'undo.in_doubt':
      return `${id} in doubt: ${event.reason}`
    case 'step.resolved':
      return `${id} resolved by ${event.by.user} as ${event.as.replace('_', ' ')}: ${event.reason}`
    case 'undo.armed': {
      const what = event.part === firstResort(step) ? 'last resort' : 'undo'
      return event.part === 0 || what === 'last resort'
        ? `${id} ${what} started${nth(event.attempt)}`
        : undefined
    }
    case 'undo.verified':
      return `${id} undo checked: ${checksText(event.checks)}`
    case 'undo.done':
      if (event.covered_by !== undefined)
        return `${id} undone by the last resort of ${event.covered_by}`
      return event.last ? `${id} undone in ${formatDuration(event.duration_ms)}` : undefined
    default:
      return undefined
  }
}

/** The number of the first undo that is a last resort. */
function firstResort(step: Step | undefined): number | undefined {
  if (step === undefined || !hasLastResort(step)) return undefined
  return step.rollback.kind === 'undo' ? step.rollback.undos.length : 0
}

const SETTLED = { receipt: 'receipt', check: 'check', person: 'answer from a person' } as const

function nth(attempt: number): string {
  return attempt > 1 ? ` (attempt ${attempt})` : ''
}

function checksText(checks: readonly Asked[]): string {
  return checks.length === 0 ? 'its own expectation holds' : checks.map(askedText).join('; ')
}
