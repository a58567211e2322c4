/** An action through to its end: attempts, outputs, and how that is recorded. */
import type { Answer, FailureReason, NewEvent } from '../core/events.ts'
import type { Attempt, Check, Step } from '../core/runbook.ts'
import { keepOutputs } from '../core/hosts.ts'
import { momentary } from '../core/soak.ts'
import { stepState } from '../core/state.ts'
import { askChecks } from './ask.ts'
import { leavesReceipt, type Judged } from './attempt.ts'
import { beginDuring, type During } from './during.ts'
import { doubt, failStep, type StepEnd } from './ends.ts'
import { takeOutputs } from './outputs.ts'
import { signedOr } from './persons.ts'
import { type Runtime } from './runtime.ts'
import { asking, stepScope } from './roles.ts'
import { failureOf, notArmed, notesOf, summary } from './telling.ts'
import { tryOut } from './trying.ts'
import { verifyStep } from './verifying.ts'

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
  const { attempt, judged, armed } = await tryOut(rt, step, action, {
    what: 'doing',
    first: stepState(rt.journal.state, step.id).attempts + 1,
    lent: { kind: 'do', ask: signedOr(rt, step) },
    folder: (attempt) => `do-${attempt}`,
    intent: (attempt, begun) => [
      { type: 'step.armed', step: step.id, attempt, ...(before !== undefined && { before }) },
      { type: 'step.started', step: step.id, attempt, ...begun },
      ...(during?.unwritten() ?? []),
    ],
    failed: (attempt, judged, failure) => [
      actedEvent(rt, step, attempt, judged, {}),
      { type: 'step.failed', step: step.id, attempt, failure, duration_ms: judged.duration_ms },
    ],
  })
  if (!armed) return failStep(rt, step, attempt, notArmed(judged), judged.duration_ms)
  if (judged.outcome.problem?.kind === 'lost') return doubt(rt, step, judged.reason ?? '')
  return acted(rt, step, attempt, judged, undefined, during)
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
 * may have done half like any that fails. What became of a request that was cut off nobody can know, but
 * where the server says that it changed nothing.
 */
async function interrupted(
  rt: Runtime,
  step: Step,
  attempt: number,
  judged: Judged,
): Promise<StepEnd> {
  if (!leavesItsReceipt(step) && judged.outcome.unchanged !== true)
    return doubt(rt, step, 'it was interrupted')
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

function leavesItsReceipt({ act }: Step): boolean {
  return act !== undefined && leavesReceipt(act.action)
}

/** One that may go on for a while must not keep the action's end out of the journal. */
function isQuick({ retry, action }: Check): boolean {
  return retry === undefined && action.verb !== 'soak'
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
    ...(judged.outcome.unchanged && { unchanged: true }),
    ...notesOf(judged),
  }
}
