/** The end of a run, or of its way for now: `finally`, and the last word in the journal. */
import type { ExitCode } from '../core/errors.ts'
import type { RunStatus } from '../core/events.ts'
import { byStep } from '../core/hosts.ts'
import { finallyToDo } from '../core/next.ts'
import { stepState } from '../core/state.ts'
import { drive } from './drive.ts'
import { itemOf } from './row.ts'
import type { Runtime } from './runtime.ts'
import { runStep } from './step.ts'

/** The end: `finally` first, then the run's last word. */
export async function conclude(
  rt: Runtime,
  status: RunStatus,
  exit: ExitCode,
  reason?: string,
): Promise<ExitCode> {
  await runFinally(rt, status)
  return settle(rt, status, exit, reason)
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

/** The steps of `finally` run in every case, and what they come to changes nothing of how the run ended. */
async function runFinally(rt: Runtime, status: RunStatus): Promise<void> {
  const todo = finallyToDo(rt.plan, rt.journal.state)
  if (todo.length === 0 || rt.stop.asked() !== undefined) return
  const ended = rt.halt
  rt.halt = undefined
  rt.ending = status
  await drive(rt, [
    {
      title: 'Finally',
      concurrent: 1,
      items: byStep(todo).map((steps) =>
        itemOf(rt, steps, async (step) => {
          const end = await runStep(rt, step)
          const why = stepState(rt.journal.state, step.id).failure?.message ?? ''
          if (end !== 'over')
            rt.view.progress({
              kind: 'note',
              step: step.id,
              text: `a step of finally did not work: ${why}`,
            })
          if (rt.halt?.kind !== 'broken') rt.halt = undefined
        }),
      ),
    },
  ])
  rt.ending = undefined
  rt.halt = ended
}
