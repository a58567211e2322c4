/**
 * Deploy, resume and roll back are one engine and two differences: what is still to do, and what is to
 * be undone. A run that turns round says so durably before its first undo; from then on it only goes
 * backwards.
 */
import { EXIT, type ExitCode } from '../core/errors.ts'
import { byStep } from '../core/hosts.ts'
import { ordinaryParts } from '../core/last-resort.ts'
import { nextForStep, stepsToDo } from '../core/next.ts'
import type { Step } from '../core/runbook.ts'
import { stepState } from '../core/state.ts'
import { requestOf } from '../core/undo.ts'
import { firstDue, heldUpBy } from '../core/waiting.ts'
import { goBack } from './back.ts'
import { conclude, pause, settle } from './concluding.ts'
import { drive, type Group } from './drive.ts'
import { wasInterrupted } from './ends.ts'
import { afterFailure, decide } from './failing.ts'
import { itemOf } from './row.ts'
import { halt, type Runtime } from './runtime.ts'
import { runStep } from './step.ts'
import { undoStep } from './undoing.ts'
import { recordWaiting, stayUntil } from './waiting.ts'

/** Goes on in the direction in which the run goes. Returns the exit code of the command. */
export async function proceed(rt: Runtime): Promise<ExitCode> {
  const { state } = rt.journal
  if (state.direction === 'forward') return goForward(rt)
  return goBack(rt, requestOf(state), state.rollback?.automatic ?? false)
}

async function goForward(rt: Runtime): Promise<ExitCode> {
  while (await drivesOn(rt)) rt.halt = undefined
  const stopped = rt.halt
  if (stopped === undefined) return conclude(rt, 'succeeded', EXIT.ok)
  switch (stopped.kind) {
    case 'paused':
      return pause(rt)
    case 'in_doubt':
      return settle(
        rt,
        'in_doubt',
        rt.stop.asked() === undefined ? EXIT.in_doubt : rt.stop.exitCode(),
        stopped.reason,
      )
    case 'waiting':
      await recordWaiting(rt, stopped.reason)
      return EXIT.waiting
    case 'needs_retry':
      return settle(
        rt,
        'failed',
        EXIT.failed,
        `step ${stopped.step.id} failed and must not run twice without a person's word`,
      )
    case 'precondition':
      return conclude(
        rt,
        'failed',
        EXIT.precondition,
        `step ${stopped.step.id}: ${stopped.message}`,
      )
    case 'failed':
      return afterFailure(rt, stopped.step, stopped.then)
    case 'undo_failed':
      return conclude(rt, 'rollback_failed', EXIT.rollback_failed)
    case 'broken':
      throw stopped.error
  }
}

/** Takes every step as far as it goes. True: it stayed until a timer was due, and there is more to do. */
async function drivesOn(rt: Runtime): Promise<boolean> {
  rt.waiting.clear()
  await drive(rt, forwardGroups(rt))
  const [held] = heldUpBy(rt.plan, rt.journal.state)
  const step = rt.plan.steps.find(({ id }) => id === held?.id)
  if (rt.waiting.size > 0 && step !== undefined)
    halt(rt, { kind: 'waiting', step, reason: held?.reason ?? '' })
  const due = firstDue(heldUpBy(rt.plan, rt.journal.state))
  if (rt.halt?.kind !== 'waiting' || !rt.attached || due === undefined) return false
  await recordWaiting(rt, rt.halt.reason)
  const isDue = await stayUntil(rt, due)
  if (isDue) await rt.journal.record({ type: 'run.resumed', by: rt.actor })
  else rt.halt = { kind: 'paused' }
  return isDue
}

function forwardGroups(rt: Runtime): Group[] {
  const todo = new Set(stepsToDo(rt.plan, rt.journal.state).map((step) => step.id))
  const byId = new Map(rt.plan.steps.map((step) => [step.id, step]))
  return rt.plan.phases.flatMap((phase) => {
    const steps = phase.steps.flatMap((id) => (todo.has(id) ? (byId.get(id) ?? []) : []))
    return steps.length === 0
      ? []
      : [
          {
            title: phase.title,
            concurrent: phase.concurrent,
            items: byStep(steps).map((own) => itemOf(rt, own, (step) => forward(rt, step))),
          },
        ]
  })
}

/** One step on the way forward, with the person's word when it fails. */
async function forward(rt: Runtime, step: Step): Promise<void> {
  if (rt.waiting.size > 0 && !rt.waiting.has(step.phase)) return
  for (;;) {
    const next = nextForStep(step, rt.journal.state.steps.get(step.id), rt.retry)
    if (next === 'undo' && !(await undoFirst(rt, step))) return
    // It failed, and the tool died or nobody answered before what a failure leads to was done.
    const unanswered = next === 'needs_retry' && rt.crashed && !wasInterrupted(rt, step)
    if (!unanswered && (await runStep(rt, step)) !== 'failed') return
    if (wasInterrupted(rt, step)) {
      halt(rt, { kind: 'paused' })
      return
    }
    const then = await decide(rt, step)
    if (then !== 'retry') {
      halt(rt, { kind: 'failed', step, then })
      return
    }
    rt.retry.add(step.id)
  }
}

/** A person answered `--undo`, or an undo of this step was interrupted: it comes before anything else. */
async function undoFirst(rt: Runtime, step: Step): Promise<boolean> {
  if (step.rollback.kind !== 'undo') return true
  const undos = ordinaryParts(step, stepState(rt.journal.state, step.id))
  return undoStep(rt, { step, undos, covers: [] })
}
