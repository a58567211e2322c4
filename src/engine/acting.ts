/** An action through to its end: attempts, outputs, checks, and how that is recorded. */
import { setTimeout as sleep } from 'node:timers/promises'
import { milliseconds } from '../core/durations.ts'
import type { Answer, Failure, FailureReason, NewEvent } from '../core/events.ts'
import type { Attempt, Check, Step } from '../core/runbook.ts'
import { keepOutputs } from '../core/hosts.ts'
import { momentary } from '../core/soak.ts'
import { stepState } from '../core/state.ts'
import { resolve } from '../core/templates.ts'
import { askChecks } from './ask.ts'
import { leavesReceipt, perform, type Judged } from './attempt.ts'
import { beginDuring, type During } from './during.ts'
import { takeOutputs } from './outputs.ts'
import { attemptFolder, halt, type Runtime } from './runtime.ts'
import { asking, role, stepScope } from './roles.ts'
import { watch } from './soak.ts'
import { failureOf, hintsOf, notArmed, summary, tailOf } from './telling.ts'

/** How it ended for now; `stopped`: the reason is in `rt.halt`. */
export type StepEnd = 'over' | 'failed' | 'stopped'

export const NOTHING = { clear: {}, kept: {} }

export async function pureCheck(rt: Runtime, step: Step): Promise<StepEnd> {
  const attempt = stepState(rt.journal.state, step.id).attempts + 1
  await rt.journal.record(
    { type: 'step.armed', step: step.id, attempt },
    { type: 'step.started', step: step.id, attempt },
  )
  return verifyStep(rt, step, attempt, undefined, [])
}

export async function act(
  rt: Runtime,
  step: Step,
  action: Attempt,
  before: Answer | undefined,
): Promise<StepEnd> {
  const first = stepState(rt.journal.state, step.id).attempts + 1
  const begun = step.during && (await beginDuring(rt, step, step.during))
  if (begun !== undefined && 'failure' in begun)
    return failStep(rt, step, first, begun.failure, begun.duration_ms)
  try {
    return await attempts(rt, step, action, before, begun)
  } finally {
    await begun?.stop()
  }
}

async function attempts(
  rt: Runtime,
  step: Step,
  action: Attempt,
  before: Answer | undefined,
  during: During | undefined,
): Promise<StepEnd> {
  const { retry } = action
  const times = retry !== undefined && 'attempts' in retry ? retry.attempts : 1
  const first = stepState(rt.journal.state, step.id).attempts + 1
  for (let attempt = first; ; attempt += 1) {
    rt.view.progress({
      kind: 'doing',
      step: step.id,
      what: 'doing',
      ...(attempt > first && { detail: `attempt ${attempt}` }),
    })
    let armed = false
    const judged = await perform(rt, action, {
      ...role(rt, step, attempt, `do-${attempt}`),
      kind: 'do',
      gate: async (process) => {
        const folder = attemptFolder(rt, rt.run, step.id, `do-${attempt}`).slice(rt.root.length + 1)
        await rt.journal.record(
          { type: 'step.armed', step: step.id, attempt, ...(before !== undefined && { before }) },
          {
            type: 'step.started',
            step: step.id,
            attempt,
            folder,
            ...(process !== undefined && { process }),
          },
          ...(during?.unwritten() ?? []),
        )
        armed = true
      },
    })
    const again =
      judged.answer !== 'holds' && attempt - first + 1 < times && rt.stop.asked() === undefined
    if (!armed) return failStep(rt, step, attempt, notArmed(judged), judged.duration_ms)
    if (!again) return acted(rt, step, attempt, judged, undefined, during)
    const failed = failureOf(
      rt,
      step,
      judged,
      judged.outcome.problem?.kind === 'timeout' ? 'timeout' : 'action_failed',
    )
    await rt.journal.record(actedEvent(rt, step, attempt, judged, {}), {
      type: 'step.failed',
      step: step.id,
      attempt,
      failure: failed,
      duration_ms: judged.duration_ms,
    })
    await sleep(
      milliseconds(String(resolve(retry?.every ?? '0s', stepScope(rt, step)))),
      undefined,
      {
        signal: rt.stop.interrupt,
      },
    ).catch(() => undefined)
  }
}

/** The action has ended and we know how: its outputs, its checks, its end. */
export async function acted(
  rt: Runtime,
  step: Step,
  attempt: number,
  judged: Judged,
  settled?: 'receipt',
  during?: During,
): Promise<StepEnd> {
  for (const text of judged.outcome.notes ?? [])
    rt.view.progress({ kind: 'note', step: step.id, text })
  if (judged.outcome.problem?.kind === 'interrupted') return interrupted(rt, step, attempt, judged)
  const taken =
    judged.answer === 'holds' ? takeOutputs(rt, step, judged, stepScope(rt, step)) : NOTHING
  if ('problem' in taken) {
    await rt.journal.record(actedEvent(rt, step, attempt, judged, {}))
    return failStep(
      rt,
      step,
      attempt,
      { reason: 'action_failed', message: taken.problem },
      judged.duration_ms,
    )
  }
  keepOutputs(rt.outputs, step, taken.clear)
  const event = {
    ...actedEvent(rt, step, attempt, judged, taken.kept),
    ...(settled !== undefined && { adopted: true }),
  }
  if (judged.answer !== 'holds') {
    await rt.journal.record(event)
    return actionFailed(rt, step, attempt, judged)
  }
  // A receipt keeps the action's end until it is recorded together with the check's: one write fewer.
  if (leavesItsReceipt(step) && step.verify.every(isQuick))
    return verifyStep(rt, step, attempt, judged, [event], settled, during)
  await rt.journal.record(event)
  return verifyStep(rt, step, attempt, judged, [], settled, during)
}

/**
 * A person ended it. Where a process left its receipt one knows that it ended, and how: it failed, and
 * may have done half like any that fails. What became of a request that was cut off nobody can know.
 */
async function interrupted(
  rt: Runtime,
  step: Step,
  attempt: number,
  judged: Judged,
): Promise<StepEnd> {
  if (!leavesItsReceipt(step)) return doubt(rt, step, 'it was interrupted')
  await rt.journal.record(actedEvent(rt, step, attempt, judged, {}))
  return failStep(rt, step, attempt, failureOf(rt, step, judged, 'interrupted'), judged.duration_ms)
}

/** Failed, even when its check holds; asked all the same, since a person wants to know. */
async function actionFailed(
  rt: Runtime,
  step: Step,
  attempt: number,
  judged: Judged,
): Promise<StepEnd> {
  const timeout = judged.outcome.problem?.kind === 'timeout'
  let reason: FailureReason = timeout
    ? 'timeout'
    : judged.missing === undefined
      ? 'action_failed'
      : 'value_missing'
  if (step.verify.length > 0 && reason === 'action_failed') {
    rt.view.progress({ kind: 'doing', step: step.id, what: 'verifying' })
    const checks = momentary(step.verify)
    const { answer } = await askChecks(rt, checks, asking(rt, step, attempt, 'verify', false))
    if (answer === 'holds' && checks.length > 0) reason = 'action_failed_check_passed'
  }
  return failStep(rt, step, attempt, failureOf(rt, step, judged, reason), judged.duration_ms)
}

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
  const { soaks } = stepState(rt.journal.state, step.id)
  const watched = Object.values(soaks).reduce((sum, { watched_ms }) => sum + watched_ms, 0)
  const earlier = watched + (judged?.duration_ms ?? 0)
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

function leavesItsReceipt({ act }: Step): boolean {
  return act !== undefined && leavesReceipt(act.action)
}

/** One that may go on for a while must not keep the action's end out of the journal. */
function isQuick({ retry, action }: Check): boolean {
  return retry === undefined && action.verb !== 'soak'
}

/** Whether nothing of the action's output is needed to know how it ended. */
function exitCodeTells({ act, outputs }: Step): boolean {
  return act?.expect.length === 0 && Object.keys(outputs).length === 0
}

export async function doubt(rt: Runtime, step: Step, reason: string): Promise<StepEnd> {
  if (stepState(rt.journal.state, step.id).status !== 'in_doubt')
    await rt.journal.record({ type: 'step.in_doubt', step: step.id, reason })
  halt(rt, { kind: 'in_doubt', step, reason })
  return 'stopped'
}

export function paused(rt: Runtime): StepEnd {
  halt(rt, { kind: 'paused' })
  return 'stopped'
}

export async function failStep(
  rt: Runtime,
  step: Step,
  attempt: number,
  failure: Failure,
  duration_ms: number,
): Promise<StepEnd> {
  await rt.journal.record({ type: 'step.failed', step: step.id, attempt, failure, duration_ms })
  return 'failed'
}

function actedEvent(
  rt: Runtime,
  step: Step,
  attempt: number,
  judged: Judged,
  outputs: Record<string, unknown>,
): NewEvent & { type: 'step.acted' } {
  return {
    type: 'step.acted',
    step: step.id,
    attempt,
    ok: judged.answer === 'holds',
    result: summary(rt, judged),
    outputs,
    duration_ms: judged.duration_ms,
  }
}
