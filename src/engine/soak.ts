/** A soak as a check: its probes asked until its time is over or too many samples are bad in a row. */
import { describeAsked } from '../core/asked.ts'
import { formatDuration } from '../core/durations.ts'
import { EXIT, failure } from '../core/errors.ts'
import type { Breach } from '../core/events.ts'
import { judge } from '../core/expressions.ts'
import type { Check, Soak, Step } from '../core/runbook.ts'
import { nothingWatched, soakFields, type Watched } from '../core/soak.ts'
import { stepState } from '../core/state.ts'
import { isTemplateError } from '../core/templates.ts'
import { sleepUnless } from '../lib/pause.ts'
import { toAsked, type Answered } from './ask.ts'
import type { Judged } from './attempt.ts'
import { stepScope } from './roles.ts'
import type { Runtime } from './runtime.ts'
import { anyOf, sampler, type Sampler } from './sampling.ts'

/**
 * Watches for as long as is left of it, and judges. What an earlier process saw counts, the time in
 * between does not. Cut short by a signal, the answer is of an outcome that was interrupted: what was
 * seen is in the journal, and the same can be asked again.
 */
export async function watch(
  rt: Runtime,
  step: Step,
  check: Check,
  index: number,
): Promise<Answered> {
  const began = performance.now()
  const earlier = stepState(rt.journal.state, step.id).soaks[index]
  const watched = earlier === undefined ? nothingWatched() : structuredClone(earlier)
  let samples: Sampler
  try {
    samples = sampler(rt, step, soakOf(check), watched, { check: index })
  } catch (error) {
    if (!isTemplateError(error)) throw error
    const reason = `${error.expression}: ${error.message}`
    return answered(rt, step, check, watched, { answer: 'cannot_tell', reason }, began)
  }
  const { every_ms, for_ms = 0 } = samples
  const cutShort = anyOf(rt.stop.pause, rt.stop.interrupt)
  // Timers may fire a little early.
  const left = () => for_ms - watched.watched_ms
  const isOver = () => watched.breach !== undefined || (watched.samples > 0 && left() <= 1)
  if (earlier !== undefined && !isOver()) sayLeft(rt, step, watched, for_ms)
  while (!isOver()) {
    const tick = performance.now()
    if (!(await samples.take(cutShort)) || isOver()) break
    // From tick to tick; one that took longer is a late sample, and none is made up for.
    const pause = Math.max(0, tick + Math.min(every_ms, left()) - performance.now())
    if (samples.isDue(pause)) await rt.journal.record(...samples.unwritten())
    await sleepUnless(pause, cutShort)
    if (cutShort.aborted) break
  }
  const rest = samples.unwritten()
  if (rest.length > 0) await rt.journal.record(...rest)
  if (!isOver()) {
    const problem = { kind: 'interrupted' as const, message: 'it was interrupted' }
    const judged: Judged = {
      outcome: { fields: soakFields(watched), problem },
      answer: 'cannot_tell',
      reason: problem.message,
      duration_ms: Math.round(performance.now() - began),
    }
    return { judged, asked: toAsked(rt.masker, check, judged, 1, stepScope(rt, step)) }
  }
  return answered(rt, step, check, watched, judgeSoak(rt, step, check, watched), began)
}

function sayLeft(rt: Runtime, step: Step, { watched_ms }: Watched, for_ms: number): void {
  const [seen, all, left] = [watched_ms, for_ms, for_ms - watched_ms].map(formatDuration)
  rt.view.progress({
    kind: 'note',
    step: step.id,
    text: `${step.id} goes on watching: ${seen ?? ''} of ${all ?? ''} are watched, ${left ?? ''} are left`,
  })
}

type Verdict = Pick<Judged, 'answer' | 'expression' | 'at' | 'values' | 'reason'>

/** What broke it, or else what is expected of its figures. */
export function judgeSoak(rt: Runtime, step: Step, check: Check, watched: Watched): Verdict {
  const { breach } = watched
  if (breach !== undefined) return brokenBy(breach)
  const scope = { ...stepScope(rt, step), ...soakFields(watched) }
  return judge(check.expect, scope, (text) => rt.masker.mask(text))
}

/** The last sample of the row tells what it was, and how often. */
function brokenBy({ probe, answer, row, ticks }: Breach): Verdict {
  // Of a row of which one sample was a plain no, that one.
  const bad = ticks.flatMap((tick) => tick.probes[probe]?.bad ?? [])
  const asked = bad.findLast((one) => one.answer === answer) ?? bad.at(-1)
  const times = row > 1 ? `${row} bad samples in a row` : 'a bad sample'
  const what = asked === undefined ? '' : `: ${describeAsked(asked)}`
  return {
    answer,
    reason: `${probe}: ${times}${what}`,
    ...(asked?.expression !== undefined && { expression: asked.expression }),
    ...(asked?.at !== undefined && { at: asked.at }),
    ...(asked?.values !== undefined && { values: asked.values }),
  }
}

function answered(
  rt: Runtime,
  step: Step,
  check: Check,
  watched: Watched,
  verdict: Verdict,
  began: number,
): Answered {
  const judged: Judged = {
    outcome: { fields: soakFields(watched) },
    ...verdict,
    duration_ms: Math.round(performance.now() - began),
    ...(watched.breach !== undefined && { breach: watched.breach }),
  }
  return { judged, asked: toAsked(rt.masker, check, judged, 1, stepScope(rt, step)) }
}

/** What a check watches. Throws for one that is asked at one moment. */
export function soakOf({ action }: Check): Soak {
  if (action.verb !== 'soak') throw failure(EXIT.fault, 'this check is no soak')
  return action
}
