/** What is watched while a step is done: from before its action until it is verified, judged with it. */
import type { Failure, NewEvent } from '../core/events.ts'
import type { Check, Step } from '../core/runbook.ts'
import { nothingWatched, type Watched } from '../core/soak.ts'
import { stepState } from '../core/state.ts'
import { isTemplateError } from '../core/templates.ts'
import { sleepUnless } from '../lib/pause.ts'
import { toAsked } from './ask.ts'
import { stepScope } from './roles.ts'
import type { Runtime } from './runtime.ts'
import { anyOf, sampler, type Sampler } from './sampling.ts'
import { judgeSoak, soakOf } from './soak.ts'

export interface During {
  /** What was seen and is not in the journal yet. */
  unwritten(): NewEvent[]
  /**
   * The step is verified: a last sample, and the judgement. `events` are to be recorded with it; with
   * a `failure` the step failed.
   */
  end(): Promise<{ events: NewEvent[]; failure?: Failure }>
  /** The step has ended in another way: records what was seen. After `end` it does nothing. */
  stop(): Promise<void>
}

/** Begins to watch. When the first sample is bad, the step must not start. */
export async function beginDuring(
  rt: Runtime,
  step: Step,
  check: Check,
): Promise<During | { failure: Failure; duration_ms: number }> {
  const began = performance.now()
  const refused = (failure: Failure) => ({
    failure,
    duration_ms: Math.round(performance.now() - began),
  })
  let samples: Sampler
  try {
    const first = { begins: true } as const
    samples = sampler(rt, step, soakOf(check), nothingWatched(), { first })
  } catch (error) {
    if (!isTemplateError(error)) throw error
    return refused({ reason: 'value_missing', message: error.message })
  }
  await samples.take(anyOf(rt.stop.interrupt))
  const failure = samples.watched.bad > 0 ? firstBad(rt, step, check, samples.watched) : undefined
  if (failure === undefined) return going(rt, step, check, samples)
  await rt.journal.record(...samples.unwritten())
  return refused(failure)
}

/** Whatever is tolerated later: a step is not begun on a system that is not well. */
function firstBad(rt: Runtime, step: Step, check: Check, watched: Watched): Failure {
  const { recent } = watched
  const [probe = '', sample] =
    Object.entries(recent.at(-1)?.probes ?? {}).find(([, { bad }]) => bad !== undefined) ?? []
  const answer = sample?.bad?.answer === 'cannot_tell' ? 'cannot_tell' : 'does_not_hold'
  const breach = { probe, answer, row: 1, ticks: recent } as const
  const failure = failureOf(rt, step, check, { ...watched, breach })
  return { ...failure, message: `${probe} was bad before it began, so nothing was started` }
}

/**
 * For a step that an earlier process began: goes on watching while it is settled, and counts what was
 * seen before. A step without `during` is simply settled.
 */
export async function watchedAgain<T>(
  rt: Runtime,
  step: Step,
  settle: (during: During | undefined) => Promise<T>,
): Promise<T> {
  if (step.during === undefined) return settle(undefined)
  const earlier = stepState(rt.journal.state, step.id).during
  const since = earlier?.recent.at(-1)?.at
  const from = since === undefined ? 'nothing was seen before' : `nothing was seen since ${since}`
  const text = `${step.id} is watched again after a gap: ${from}`
  rt.view.progress({ kind: 'note', step: step.id, text })
  const watched = structuredClone(earlier ?? nothingWatched())
  const samples = sampler(rt, step, soakOf(step.during), watched, { first: { gap: true } })
  const during = going(rt, step, step.during, samples)
  try {
    return await settle(during)
  } finally {
    await during.stop()
  }
}

function going(rt: Runtime, step: Step, check: Check, samples: Sampler): During {
  const over = new AbortController()
  const cutShort = anyOf(rt.stop.interrupt)
  const resting = anyOf(rt.stop.interrupt, over.signal)
  const loop = async () => {
    let tick = samples.watched.samples > 0 ? performance.now() : undefined
    for (;;) {
      const pause = tick === undefined ? 0 : tick + samples.every_ms - performance.now()
      // Before the intent is durable nothing of it is written: `unwritten` goes with the intent.
      if (hasBegun(rt, step) && samples.isDue(pause))
        await rt.journal.record(...samples.unwritten())
      await sleepUnless(Math.max(0, pause), resting)
      if (resting.aborted) return
      tick = performance.now()
      await samples.take(cutShort)
    }
  }
  const running = loop()
  // A journal that cannot be written is told when the step comes to its end, where this is awaited.
  running.catch(() => undefined)
  const rest = async () => {
    over.abort()
    await running
  }
  let ended = false
  return {
    unwritten: () => samples.unwritten(),
    async end() {
      ended = true
      await rest()
      await samples.take(cutShort)
      const failure = failureOf(rt, step, check, samples.watched)
      return { events: samples.unwritten(), ...(failure !== undefined && { failure }) }
    },
    async stop() {
      if (ended) return
      ended = true
      await rest()
      const events = samples.unwritten()
      if (events.length > 0) await rt.journal.record(...events)
    },
  }
}

function hasBegun(rt: Runtime, step: Step): boolean {
  return stepState(rt.journal.state, step.id).flight !== undefined
}

function failureOf(
  rt: Runtime,
  step: Step,
  check: Check,
  watched: Watched & { breach: object },
): Failure
function failureOf(rt: Runtime, step: Step, check: Check, watched: Watched): Failure | undefined
function failureOf(rt: Runtime, step: Step, check: Check, watched: Watched): Failure | undefined {
  const verdict = judgeSoak(rt, step, check, watched)
  if (verdict.answer === 'holds') return undefined
  const judged = { outcome: { fields: {} }, ...verdict, duration_ms: 0 }
  const asked = toAsked(rt.masker, check, judged, 1, stepScope(rt, step))
  return {
    reason: 'during_failed',
    message: asked.reason ?? `${asked.expression ?? asked.title} does not hold`,
    asked,
    ...(watched.breach !== undefined && { breach: watched.breach }),
  }
}
