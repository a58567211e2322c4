/** The end of a run, or of its way for now: `finally`, and the last word in the journal. */
import type { ExitCode } from '../core/errors.ts'
import type { RunStatus } from '../core/events.ts'
import { byStep } from '../core/hosts.ts'
import { finallyToDo } from '../core/next.ts'
import type { Step } from '../core/runbook.ts'
import { stepState } from '../core/state.ts'
import { drive } from './drive.ts'
import { wasInterrupted } from './ends.ts'
import { itemOf } from './row.ts'
import { halt, type Runtime } from './runtime.ts'
import { isSkipped, runStep } from './step.ts'

/**
 * The end: `finally` first, then the run's last word. Where somebody wants it to stop before all of
 * `finally` had its turn, the run pauses: `resume` does the rest, and ends it. That a rollback failed is
 * said all the same; the next one comes to an end of its own.
 */
export async function conclude(
  rt: Runtime,
  status: RunStatus,
  exit: ExitCode,
  reason?: string,
): Promise<ExitCode> {
  const whole = await runFinally(rt, status)
  return whole || status === 'rollback_failed' ? settle(rt, status, exit, reason) : pause(rt)
}

/** The run's last word, where nothing is over yet: `finally` waits. */
export async function settle(
  rt: Runtime,
  status: RunStatus,
  exit_code: ExitCode,
  reason?: string,
): Promise<ExitCode> {
  await rt.journal.record({
    type: 'run.finished',
    status,
    exit_code,
    ...(reason !== undefined && { reason }),
  })
  return exit_code
}

/** Somebody wants it to stop here. */
export async function pause(rt: Runtime): Promise<ExitCode> {
  await rt.journal.record({ type: 'run.paused', reason: rt.stop.asked() ?? 'interrupted' })
  return rt.stop.exitCode()
}

/**
 * The steps of `finally` run in every case, and what they come to changes nothing of how the run ended.
 * False: somebody wants it to stop, and not all of them had their turn.
 */
async function runFinally(rt: Runtime, status: RunStatus): Promise<boolean> {
  const todo = finallyToDo(rt.plan, rt.journal.state)
  const over = new Set<Step>()
  const ended = rt.halt
  rt.halt = undefined
  rt.ending = status
  const takeTurn = async (step: Step) => {
    const end = await runStep(rt, step)
    if (end === 'failed' && wasInterrupted(rt, step)) halt(rt, { kind: 'paused' })
    if (rt.halt?.kind === 'paused') return
    over.add(step)
    const why = stepState(rt.journal.state, step.id).failure?.message ?? ''
    if (end !== 'over')
      rt.view.progress({
        kind: 'note',
        step: step.id,
        text: `a step of finally did not work: ${why}`,
      })
    if (rt.halt?.kind !== 'broken') rt.halt = undefined
  }
  if (todo.length > 0 && rt.stop.asked() === undefined) {
    const items = byStep(todo).map((steps) => itemOf(rt, steps, takeTurn))
    await drive(rt, [{ title: 'Finally', concurrent: 1, items }])
  }
  const left = todo.filter((step) => !over.has(step) && !isSkipped(rt, step))
  rt.ending = undefined
  rt.halt = ended
  return left.length === 0
}
