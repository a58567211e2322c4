/**
 * The life of a step: pending → armed (its intent durable) → running → acted → verifying → done | failed;
 * besides skipped, satisfied, in doubt. Nothing runs before its intent is durable, nothing is shown as
 * done before its end is durable.
 */
import type { Answer } from '../core/events.ts'
import { describeAsked } from '../core/asked.ts'
import { evaluate } from '../core/expressions.ts'
import { mayRunAgain, nextForStep } from '../core/next.ts'
import { stepsReadIn } from '../core/references.ts'
import type { Attempt, Step } from '../core/runbook.ts'
import { idInRunbook, keepOutputs } from '../core/hosts.ts'
import { momentary } from '../core/soak.ts'
import { stepState } from '../core/state.ts'
import { askChecks } from './ask.ts'
import { leavesReceipt, lostOutcome, msSince, recover } from './attempt.ts'
import { watchedAgain, type During } from './during.ts'
import { scrubStep } from './leftovers.ts'
import { takeOutputs } from './outputs.ts'
import { halt, type Runtime } from './runtime.ts'
import { act, acted, NOTHING, pureCheck } from './acting.ts'
import { doubt, failStep, paused, type StepEnd } from './ends.ts'
import { asking, role, stepScope } from './roles.ts'
import { verifyStep } from './verifying.ts'
import { waitFirst } from './waiting.ts'

/** Takes one step as far as it goes, from wherever the journal says it stands. */
export async function runStep(rt: Runtime, step: Step): Promise<StepEnd> {
  try {
    return await live(rt, step)
  } finally {
    await scrubStep(rt, step)
  }
}

async function live(rt: Runtime, step: Step): Promise<StepEnd> {
  const next = nextForStep(step, rt.journal.state.steps.get(step.id), rt.retry)
  switch (next) {
    case 'over':
      return 'over'
    case 'needs_retry':
      halt(rt, { kind: 'needs_retry', step })
      return 'stopped'
    case 'in_doubt':
      return doubt(
        rt,
        step,
        stepState(rt.journal.state, step.id).reason ?? 'nobody recorded its end',
      )
    case 'undo':
      // The caller undoes it first: undoing is another life.
      return 'stopped'
    case 'verify':
      return settleActed(rt, step)
    case 'recover':
      return recoverStep(rt, step)
    case 'start':
      return startStep(rt, step)
  }
}

async function startStep(rt: Runtime, step: Step): Promise<StepEnd> {
  const left = whyLeft(rt, step)
  if (left !== undefined && 'problem' in left)
    return failStep(rt, step, 0, { reason: 'inconclusive', message: left.problem }, 0)
  if (left !== undefined) {
    await rt.journal.record({ type: 'step.skipped', step: step.id, reason: left.skip })
    return 'over'
  }
  const waits = await waitFirst(rt, step)
  if (waits !== undefined) return waits
  const known = stepState(rt.journal.state, step.id)
  const asks = step.skip_if_verified || wantsProbe(step)
  let before: Answer | undefined
  if (asks && known.attempts === 0) {
    rt.view.progress({ kind: 'doing', step: step.id, what: 'asking first' })
    const { answer, answered } = await askChecks(
      rt,
      momentary(step.verify),
      asking(rt, step, 0, 'before', false),
      true,
    )
    before = answer
    if (answer === 'holds' && step.skip_if_verified) {
      const last = answered.at(-1)
      // A pure check's outputs are those of its check; an action that was not run has none.
      const taken =
        last === undefined || step.act !== undefined
          ? NOTHING
          : takeOutputs(rt, step, last.judged, stepScope(rt, step))
      const { clear, kept } = 'problem' in taken ? NOTHING : taken
      keepOutputs(rt.outputs, step, clear)
      await rt.journal.record({
        type: 'step.satisfied',
        step: step.id,
        checks: answered.map((a) => a.asked),
        outputs: kept,
      })
      return 'over'
    }
  }
  if (!(await requirementsHold(rt, step))) return 'stopped'
  // Somebody wants it to stop, and nothing of this step has begun.
  if (rt.stop.asked() !== undefined || rt.stop.interrupt.aborted) return paused(rt)
  return step.act === undefined ? pureCheck(rt, step) : act(rt, step, step.act, before)
}

/** Why a step is not begun in this run: it is to be skipped, or one cannot tell. Undefined: it is. */
function whyLeft(rt: Runtime, step: Step): { skip: string } | { problem: string } | undefined {
  if (!rt.selected.has(step.id)) return { skip: 'not selected' }
  if (step.when === undefined) return undefined
  const { source, at } = step.when
  const when = evaluate(source, stepScope(rt, step))
  if (!when.ok || typeof when.value !== 'boolean') {
    const why = when.ok ? 'is not true or false' : when.message
    return { problem: `when: ${source} (${at}): ${why}` }
  }
  return when.value ? undefined : { skip: `when ${source} is false` }
}

/** Whether nothing would come of a step but that it is skipped. */
export function isSkipped(rt: Runtime, step: Step): boolean {
  const left = whyLeft(rt, step)
  return left !== undefined && 'skip' in left
}

/** What a receipt cannot tell after a crash, a check can, if it was seen not to hold before. */
function wantsProbe(step: Step): boolean {
  const { act, effect, verify, outputs } = step
  if (
    act === undefined ||
    effect !== 'once' ||
    leavesReceipt(act.action) ||
    act.action.verb === 'manual'
  )
    return false
  const checks = momentary(verify)
  const readsOwn = Object.keys(outputs).length > 0 && stepsReadIn(checks).has(idInRunbook(step))
  return checks.length > 0 && !readsOwn
}

async function requirementsHold(rt: Runtime, step: Step): Promise<boolean> {
  for (const [index, check] of step.requires.entries()) {
    const { answered } = await askChecks(
      rt,
      [check],
      asking(rt, step, 0, `requires-${index}`, true),
    )
    const asked = answered[0]?.asked
    if (asked !== undefined && asked.answer !== 'holds') {
      if (rt.stop.interrupt.aborted) {
        paused(rt)
        return false
      }
      halt(rt, { kind: 'precondition', step, message: describeAsked(asked) })
      return false
    }
  }
  return true
}

/** Its end is in the journal, its verification is not: ask again, checks only read. */
async function settleActed(rt: Runtime, step: Step): Promise<StepEnd> {
  const { flight, resolved, acted_ms = 0 } = stepState(rt.journal.state, step.id)
  const attempt = flight?.attempt ?? 1
  if (flight?.ok === false) {
    const checks = momentary(step.verify)
    const { answer } = await askChecks(rt, checks, asking(rt, step, attempt, 'verify', false))
    const reason =
      answer === 'holds' && checks.length > 0 ? 'action_failed_check_passed' : 'action_failed'
    return failStep(
      rt,
      step,
      attempt,
      { reason, message: 'its action failed before this run was interrupted' },
      acted_ms,
    )
  }
  const settled = resolved === 'done' ? 'person' : undefined
  return watchedAgain(rt, step, (during) =>
    verifyStep(rt, step, attempt, undefined, [], settled, during),
  )
}

/** The tool died in between: the receipt says; else the check, if it had been seen not to hold; else a person. */
async function recoverStep(rt: Runtime, step: Step): Promise<StepEnd> {
  const { flight } = stepState(rt.journal.state, step.id)
  const { act: action } = step
  if (flight === undefined || action === undefined) return startStep(rt, step)
  const end = await watchedAgain(rt, step, (during) => settle(rt, step, action, during))
  return end === 'as never started' ? startStep(rt, step) : end
}

async function settle(
  rt: Runtime,
  step: Step,
  action: Attempt,
  during: During | undefined,
): Promise<StepEnd | 'as never started'> {
  const { flight, began_at } = stepState(rt.journal.state, step.id)
  if (flight === undefined) return 'as never started'
  const found = await recoverFlight(rt, step, action)
  if (found.state === 'ended')
    return acted(rt, step, flight.attempt, found.judged, 'receipt', during)
  if (found.state === 'never') return 'as never started'
  if (found.state === 'unreachable') return doubt(rt, step, unreachable(found))
  const lost = lostOutcome(action.action)
  if (lost !== undefined)
    return acted(rt, step, flight.attempt, {
      outcome: lost,
      answer: 'holds',
      duration_ms: msSince(began_at),
    })
  if (flight.before === 'does_not_hold') {
    rt.view.progress({ kind: 'doing', step: step.id, what: 'verifying' })
    const { answer } = await askChecks(
      rt,
      momentary(step.verify),
      asking(rt, step, flight.attempt, 'verify', true),
    )
    if (answer === 'holds')
      return verifyStep(rt, step, flight.attempt, undefined, [], 'check', during)
  }
  if (mayRunAgain(step)) return 'as never started'
  return doubt(rt, step, 'its action was started, and nobody recorded how it ended')
}

/** What is said of a step whose host could not be asked. */
export function unreachable({ why }: { why: string }): string {
  return `its host could not be asked what became of it; resume asks again: ${why}`
}

/** What became of a step's action after a crash. When it never started, the journal says so from now on. */
export async function recoverFlight(
  rt: Runtime,
  step: Step,
  action: Attempt,
): ReturnType<typeof recover> {
  const { flight, began_at } = stepState(rt.journal.state, step.id)
  const attempt = flight?.attempt ?? 1
  const found = await recover(
    rt,
    action,
    { ...role(rt, step, attempt, `do-${attempt}`), kind: 'do', gate: () => Promise.resolve() },
    (process) => {
      rt.view.progress({ kind: 'doing', step: step.id, what: 'still running' })
      rt.view.progress({
        kind: 'note',
        step: step.id,
        text: `still running (pid ${process.pid}); waiting up to its timeout`,
      })
    },
    flight?.process,
    began_at,
  )
  if (found.state === 'never') {
    await rt.journal.record({
      type: 'step.resolved',
      step: step.id,
      as: 'not_done',
      reason: 'its process never passed the gate',
      by: rt.actor,
    })
  }
  return found
}
