/** What a failed step leads to. */
import { EXIT, type ExitCode } from '../core/errors.ts'
import { idInRunbook } from '../core/hosts.ts'
import type { OnFailure, Step } from '../core/runbook.ts'
import { stepState } from '../core/state.ts'
import { stepsToUndo, whyNotByItself } from '../core/undo.ts'
import { goBack, undoInTurn } from './back.ts'
import { conclude, pause } from './concluding.ts'
import type { Runtime } from './runtime.ts'

export type Decision = 'stop' | 'undo' | 'rollback' | 'retry'

/** What to do about a failed step: the document's word, a person's where it says `ask`. */
export async function decide(rt: Runtime, step: Step): Promise<Decision> {
  const { failure: failed } = stepState(rt.journal.state, step.id)
  // Of what was watched during it one could not tell, or of its check.
  const untold = failed?.reason === 'during_failed' && failed.asked?.answer === 'cannot_tell'
  const policy: OnFailure =
    failed?.reason === 'inconclusive' || untold || step.rollback.kind === 'irreversible'
      ? 'stop'
      : step.on_failure
  if (policy === 'ask' && rt.view.choose !== undefined) {
    return rt.view.choose(`${step.title} failed. What now?`, [
      { value: 'retry', label: 'Run this step again' },
      { value: 'undo', label: 'Undo this step and stop' },
      { value: 'rollback', label: 'Roll back everything this run started' },
      { value: 'stop', label: 'Stop here and leave things as they are' },
    ])
  }
  if (policy === 'ask' || policy === 'stop') return 'stop'
  const only = policy === 'undo' ? step : undefined
  const why = whyNotByItself(rt.plan, rt.journal.state, only)
  if (why === undefined) return policy
  rt.view.progress({ kind: 'note', step: step.id, text: `not rolled back by itself: ${why}` })
  return 'stop'
}

/** Turns round, or stops where it stands. */
export async function afterFailure(
  rt: Runtime,
  step: Step,
  then: Exclude<Decision, 'retry'>,
): Promise<ExitCode> {
  if (then === 'stop') return conclude(rt, 'failed', EXIT.failed)
  rt.halt = undefined
  if (then === 'rollback') {
    const why = `step ${step.id} failed`
    await rt.journal.record({ type: 'run.rolling_back', why, automatic: true })
    return goBack(rt, {}, true)
  }
  const all = stepsToUndo(rt.plan, rt.journal.state)
  const mine = all.filter((todo) => failedWith(rt, step, todo.step))
  if (mine.length > 0) await undoInTurn(rt, `Undo of ${step.title}`, mine)
  if (halted(rt)?.kind === 'undo_failed')
    return conclude(rt, 'rollback_failed', EXIT.rollback_failed)
  if (halted(rt) !== undefined) return pause(rt)
  return conclude(rt, 'failed', EXIT.failed)
}

/** The step that failed, or the same on another host of its batch that failed too. */
function failedWith(rt: Runtime, step: Step, other: Step): boolean {
  const same = idInRunbook(other) === idInRunbook(step)
  return same && stepState(rt.journal.state, other.id).status === 'failed'
}

/** Narrowing would otherwise believe that nothing set it meanwhile. */
function halted(rt: Runtime): Runtime['halt'] {
  return rt.halt
}
