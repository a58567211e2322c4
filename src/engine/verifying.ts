/** Whether a step worked: its checks, what is watched during it, its outputs, and its end. */
import type { Failure, NewEvent } from '../core/events.ts'
import { isElsewhere, keepOutputs } from '../core/hosts.ts'
import type { Step } from '../core/runbook.ts'
import { stepState } from '../core/state.ts'
import { askChecks } from './ask.ts'
import { msSince, type Judged } from './attempt.ts'
import type { During } from './during.ts'
import { failStep, paused, type StepEnd } from './ends.ts'
import { takeOutputs } from './outputs.ts'
import { asking, stepScope } from './roles.ts'
import type { Runtime } from './runtime.ts'
import { watch } from './soak.ts'
import { hintsOf, tailOf } from './telling.ts'

/** Asks the checks and records what came of it, together with events that are `pending`. */
export async function verifyStep(
  rt: Runtime,
  step: Step,
  attempt: number,
  judged: Judged | undefined,
  pending: NewEvent[],
  settled?: 'receipt' | 'check' | 'person',
  during?: During,
): Promise<StepEnd> {
  const began = performance.now()
  const { soaks, acted_ms, began_at } = stepState(rt.journal.state, step.id)
  const watched = Object.values(soaks).reduce((sum, { watched_ms }) => sum + watched_ms, 0)
  // Of an action whose end nobody recorded no more is known than when it was settled: now.
  const unknown = step.act === undefined ? 0 : msSince(began_at)
  const earlier = watched + (judged?.duration_ms ?? acted_ms ?? unknown)
  const duration = () => Math.round(earlier + performance.now() - began)
  if (step.verify.length > 0) rt.view.progress({ kind: 'doing', step: step.id, what: 'verifying' })
  const { answer, answered } = await askChecks(
    rt,
    step.verify,
    asking(rt, step, attempt, 'verify', true),
    false,
    (check, index) => watch(rt, step, check, index),
  )
  if (answered.at(-1)?.judged.outcome.problem?.kind === 'interrupted') {
    if (pending.length > 0) await rt.journal.record(...pending)
    return paused(rt)
  }
  const checks = answered.map((a) => a.asked)
  if (checks.length > 0) pending.push({ type: 'step.verified', step: step.id, attempt, checks })
  if (answer === 'holds') {
    const ended = await during?.end()
    pending.push(...(ended?.events ?? []))
    if (ended?.failure !== undefined) {
      await rt.journal.record(...pending)
      return failStep(rt, step, attempt, ended.failure, duration())
    }
    const only = step.act === undefined ? answered.at(-1) : undefined
    const taken =
      only === undefined ? undefined : takeOutputs(rt, step, only.judged, stepScope(rt, step))
    if (taken !== undefined && 'problem' in taken) {
      await rt.journal.record(...pending)
      return failStep(
        rt,
        step,
        attempt,
        { reason: 'verify_failed', message: taken.problem },
        duration(),
      )
    }
    if (taken !== undefined) keepOutputs(rt.outputs, step, taken.clear)
    pending.push({
      type: 'step.done',
      step: step.id,
      attempt,
      duration_ms: duration(),
      ...(taken !== undefined && { outputs: taken.kept }),
      ...(settled !== undefined && { settled }),
    })
    if (pending.some(({ type }) => type === 'step.acted') && exitCodeTells(step))
      rt.journal.recordSoon(...pending)
    else await rt.journal.record(...pending)
    return 'over'
  }
  if (pending.length > 0) await rt.journal.record(...pending)
  if (rt.stop.interrupt.aborted) return paused(rt)
  const last = answered.at(-1)
  const failure: Failure = {
    reason: answer === 'cannot_tell' ? 'inconclusive' : 'verify_failed',
    message: last?.asked.reason ?? last?.asked.title ?? '',
    ...(last !== undefined && { asked: last.asked }),
    ...(last?.judged.breach !== undefined && { breach: last.judged.breach }),
    ...tailOf(rt, last?.judged ?? judged),
    ...hintsOf(rt, step, last?.judged),
  }
  return failStep(rt, step, attempt, failure, duration())
}

/**
 * Whether nothing of the action's output is needed to know how it ended, nor its receipt any more:
 * that of another machine is removed as soon as the end is recorded.
 */
function exitCodeTells(step: Step): boolean {
  const { act, outputs } = step
  return act?.expect.length === 0 && Object.keys(outputs).length === 0 && !isElsewhere(step)
}
