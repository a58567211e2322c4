/** What the journal and people are told of a result: short, and without secrets. */
import type { Failure, FailureReason } from '../core/events.ts'
import { evaluate } from '../core/expressions.ts'
import type { Step } from '../core/runbook.ts'
import { type Judged } from './attempt.ts'
import { type Runtime } from './runtime.ts'
import { stepScope } from './roles.ts'

/** What the journal keeps of a result: short, and without secrets. */
export function summary(rt: Runtime, judged: Judged): Record<string, unknown> {
  // Masked before it is cut: half a secret would be a secret still.
  const short = (value: unknown): unknown => {
    if (typeof value === 'string') return value.length > 2000 ? `…${value.slice(-2000)}` : value
    if (Array.isArray(value)) return value.slice(0, 20)
    return value
  }
  const entries = Object.entries(judged.outcome.fields).filter(
    ([name]) => !['stdout', 'stderr', 'json', 'duration_ms'].includes(name),
  )
  const masked = rt.masker.maskDeep(entries)
  return Object.fromEntries(masked.map(([name, value]) => [name, short(value)]))
}

/** What is no failure and worth a line, for the journal. */
export function notesOf({ outcome }: Judged): { notes?: string[] } {
  const { notes = [] } = outcome
  return notes.length === 0 ? {} : { notes }
}

export function notArmed(judged: Judged): Failure {
  return {
    reason: judged.missing === undefined ? 'action_failed' : 'value_missing',
    message: judged.reason ?? 'it could not be started',
  }
}

export function failureOf(rt: Runtime, step: Step, judged: Judged, reason: FailureReason): Failure {
  const { expression, at, values } = judged
  const message =
    judged.reason ?? (expression === undefined ? 'it failed' : `${expression} does not hold`)
  return {
    reason,
    message: rt.masker.mask(message),
    ...(expression !== undefined && {
      asked: {
        title: step.title,
        answer: judged.answer,
        expression,
        ...(at !== undefined && { at }),
        ...(values !== undefined && { values: rt.masker.maskDeep(values) }),
        times: 1,
      },
    }),
    ...tailOf(rt, judged),
    ...hintsOf(rt, step, judged),
  }
}

export function tailOf(rt: Runtime, judged: Judged | undefined): { tail?: string } {
  const tail = judged?.outcome.tail
  return tail === undefined || tail === '' ? {} : { tail: rt.masker.mask(tail) }
}

/** Hints look at the fields of the result; one that cannot be evaluated simply does not apply. */
export function hintsOf(rt: Runtime, step: Step, judged: Judged | undefined): { hints?: string[] } {
  const scope = { ...stepScope(rt, step), ...judged?.outcome.fields }
  const hints = step.hints.filter((hint) => {
    const applies = evaluate(hint.when.source, scope)
    return applies.ok && applies.value === true
  })
  return hints.length === 0 ? {} : { hints: hints.map((hint) => hint.say) }
}
