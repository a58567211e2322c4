/** The way back: undoes, and the end that they come to. */
import { EXIT, type ExitCode } from '../core/errors.ts'
import { hasSomethingToUndo, stepsToUndo, type StepToUndo, type UndoRequest } from '../core/undo.ts'
import { conclude, pause } from './concluding.ts'
import { drive } from './drive.ts'
import type { Runtime } from './runtime.ts'
import { undoStep } from './undoing.ts'

/** Undoes, newest first, one at a time, each undo verified. `automatic`: nobody commanded it. */
export async function goBack(
  rt: Runtime,
  request: UndoRequest,
  automatic: boolean,
): Promise<ExitCode> {
  await undoInTurn(rt, 'Rollback', stepsToUndo(rt.plan, rt.journal.state, request))
  const stopped = rt.halt
  if (stopped?.kind === 'undo_failed') return conclude(rt, 'rollback_failed', EXIT.rollback_failed)
  if (stopped?.kind === 'broken') throw stopped.error
  if (stopped !== undefined) return pause(rt)
  const left = hasSomethingToUndo(rt.plan, rt.journal.state)
  return conclude(
    rt,
    left ? 'partly_rolled_back' : 'rolled_back',
    automatic ? EXIT.rolled_back : EXIT.ok,
  )
}

/** Undoes these, one at a time; `rt.halt` says what stopped it. */
export async function undoInTurn(
  rt: Runtime,
  title: string,
  steps: readonly StepToUndo[],
): Promise<void> {
  const items = steps.map((todo) => ({
    title: todo.step.title,
    run: async () => void (await undoStep(rt, todo)),
  }))
  await drive(rt, [{ title, concurrent: 1, items }])
}
