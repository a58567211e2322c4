/** Asking checks: three answers, retried within their time, and never a guess. */
import { milliseconds } from '../core/durations.ts'
import type { Answer, Asked } from '../core/events.ts'
import type { Scope } from '../core/expressions.ts'
import type { Check, Retry, Step } from '../core/runbook.ts'
import { valueInShort } from '../core/in-short.ts'
import { filledIn, isTemplateError, resolve, textOf } from '../core/templates.ts'
import type { Masker } from '../core/secrets.ts'
import { lastLine } from '../lib/clean.ts'
import { sleepUnless } from '../lib/pause.ts'
import { perform, type Judged, type Role } from './attempt.ts'
import type { Bound } from './runtime.ts'

/** What asking needs to know of the place it is asked from. */
export interface Asking {
  step?: Step
  run: string
  epoch: number
  attempt: number
  scope: Scope
  interrupt: AbortSignal
  output: Role['output']
  outputEnds: Role['outputEnds']
  ask: Role['ask']
  /** Whether a check may be asked again within its time; before an action it may not. */
  patient: boolean
  /** Tells one question of a step from another: the folder's name. */
  folder: string
}

/** A check's answer together with its result, for the outputs of a pure check. */
export interface Answered {
  asked: Asked
  judged: Judged
}

/** Asks one check, again and again within its `retry`, until it holds. */
export async function askCheck(bound: Bound, check: Check, asking: Asking): Promise<Answered> {
  let scope: Scope
  try {
    scope = { ...asking.scope, params: paramsOf(check, asking.scope) }
  } catch (error) {
    if (!isTemplateError(error)) throw error
    const reason = `${error.expression}: ${error.message}`
    const judged: Judged = {
      outcome: { fields: {} },
      answer: 'cannot_tell',
      reason,
      missing: error.expression,
      duration_ms: 0,
    }
    return { judged, asked: toAsked(bound.masker, check, judged, 1, asking.scope) }
  }
  const within = asking.patient ? patience(check.retry, scope) : undefined
  const deadline = performance.now() + (within?.within ?? 0)
  for (let times = 1; ; times += 1) {
    const judged = await perform(bound, check, {
      ...asking,
      scope,
      kind: 'verify',
      gate: () => Promise.resolve(),
    })
    const answered = { judged, asked: toAsked(bound.masker, check, judged, times, scope) }
    const over = performance.now() + (within?.every ?? 0) >= deadline
    if (judged.answer === 'holds' || within === undefined || over || asking.interrupt.aborted)
      return answered
    await sleepUnless(within.every, asking.interrupt)
  }
}

/**
 * Asks checks in order and stops at the first that does not hold, unless `all` are wanted. `soak`: how
 * one that takes its time is asked, where there may be one.
 */
export async function askChecks(
  bound: Bound,
  checks: readonly Check[],
  asking: Asking,
  all = false,
  soak?: (check: Check, index: number) => Promise<Answered>,
): Promise<{ answer: Answer; answered: Answered[] }> {
  const answered: Answered[] = []
  for (const [index, check] of checks.entries()) {
    const one =
      check.action.verb === 'soak' && soak !== undefined
        ? await soak(check, index)
        : await askCheck(bound, check, { ...asking, folder: `${asking.folder}-${index}` })
    answered.push(one)
    if (one.asked.answer !== 'holds' && !all) break
  }
  return { answer: together(answered), answered }
}

/** One answer of many: one that does not hold decides, then one of which one cannot tell. */
function together(answered: readonly Answered[]): Answer {
  const answers = answered.map((a) => a.asked.answer)
  if (answers.includes('does_not_hold')) return 'does_not_hold'
  return answers.includes('cannot_tell') ? 'cannot_tell' : 'holds'
}

/** How long a check may be asked again and how often, in milliseconds; undefined: it is asked once. */
export function patience(
  retry: Retry | undefined,
  scope: Scope,
): { within: number; every: number } | undefined {
  if (retry === undefined || !('within' in retry)) return undefined
  const ms = (duration: string) => milliseconds(String(resolve(duration, scope)))
  return { within: ms(retry.within), every: ms(retry.every) }
}

function paramsOf(check: Check, scope: Scope): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(check.params).map(([name, value]) => [name, resolve(value, scope)]),
  )
}

/** At night one wants the URL, not its name; but not all that a test run printed. Cut once it is redacted. */
function titleOf(check: Check, masker: Masker, scope: Scope): string {
  return filledIn(check.title, scope, (value) => valueInShort(masker.mask(textOf(value))))
}

/** An expression of a named check stands in a file of its own; a person looks for the runbook's line. */
function placesOf(check: Check, at = check.at): Pick<Asked, 'at' | 'defined_at'> {
  const fileOf = (place: string) => place.replace(/:\d+:\d+$/, '')
  return fileOf(at) === fileOf(check.at) ? { at } : { at: check.at, defined_at: at }
}

/** A check's answer as the journal and people are told it; redacted. */
export function toAsked(
  masker: Masker,
  check: Check,
  judged: Judged,
  times: number,
  scope: Scope,
): Asked {
  const { answer, expression, at, values } = judged
  const { tail } = judged.outcome
  const last = answer === 'holds' || tail === undefined ? undefined : lastLine(tail)
  const said = judged.reason ?? last
  const reason = said === undefined ? undefined : masker.mask(said)
  return {
    title: masker.mask(titleOf(check, masker, scope)),
    answer,
    ...(expression !== undefined && { expression }),
    ...placesOf(check, at),
    ...(values !== undefined && { values: masker.maskDeep(values) }),
    ...(reason !== undefined && { reason }),
    times,
  }
}
