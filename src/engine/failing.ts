/** What a failed step leads to. */
import { EXIT, type ExitCode } from '../core/errors.ts'
import { idInRunbook } from '../core/hosts.ts'
import type { Step } from '../core/runbook.ts'
import { stepState } from '../core/state.ts'
import { stepsToUndoAlone, whyNotByItself, whyNotWhole } from '../core/undo.ts'
import { goBack, undoInTurn } from './back.ts'
import { conclude, pause } from './concluding.ts'
import type { Runtime } from './runtime.ts'

export type Decision = 'stop' | 'undo' | 'rollback' | 'retry'

/** What to do about a failed step: the document's word, a person's where it says `ask`. */
export async function decide(rt: Runtime, step: Step): Promise<Decision> {
  const { on_failure: policy } = step
  const { plan, journal, view } = rt
  if (policy === 'stop' || (policy === 'ask' && view.choose === undefined)) return 'stop'
  const only = policy === 'undo' ? failedAlone(rt, step) : undefined
  const byItself = () => whyNotByItself(plan, journal.state, only)
  const why = whyItStops(rt, step) ?? (policy === 'ask' ? undefined : byItself())
  if (why === undefined) return policy === 'ask' ? ask(rt, step) : policy
  const what = policy === 'ask' ? 'nobody is asked what now' : 'not rolled back by itself'
  view.progress({ kind: 'note', step: step.id, text: `${what}: ${why}` })
  return 'stop'
}

async function ask({ plan, journal, view }: Runtime, step: Step): Promise<Decision> {
  const chosen = await view.choose?.<Decision>(`${step.title} failed. What now?`, [
    { value: 'retry', label: 'Run this step again' },
    { value: 'undo', label: 'Undo this step and stop' },
    ...(whyNotWhole(plan, journal.state) === undefined
      ? [{ value: 'rollback' as const, label: 'Roll back everything this run started' }]
      : []),
    { value: 'stop', label: 'Stop here and leave things as they are' },
  ])
  return chosen ?? 'stop'
}

/** Why a failure leads to nothing but a stop, whatever the document says. Undefined: its word counts. */
function whyItStops({ journal }: Runtime, step: Step): string | undefined {
  const { failure: failed } = stepState(journal.state, step.id)
  // Of what was watched during it one could not tell, or of its check.
  const untold = failed?.reason === 'during_failed' && failed.asked?.answer === 'cannot_tell'
  if (failed?.reason === 'inconclusive' || untold) return 'a check could not tell'
  return step.rollback.kind === 'irreversible' ? `step "${step.id}" is irreversible` : undefined
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
  const mine = stepsToUndoAlone(rt.plan, rt.journal.state, failedAlone(rt, step))
  if (mine.length > 0) await undoInTurn(rt, `Undo of ${step.title}`, mine)
  if (halted(rt)?.kind === 'undo_failed')
    return conclude(rt, 'rollback_failed', EXIT.rollback_failed)
  if (halted(rt) !== undefined) return pause(rt)
  return conclude(rt, 'failed', EXIT.failed)
}

/** The step that failed, and the same on other hosts of its batch that failed too. */
function failedAlone({ plan, journal: { state } }: Runtime, step: Step): string[] {
  return plan.steps
    .filter((other) => idInRunbook(other) === idInRunbook(step))
    .filter(({ id }) => stepState(state, id).status === 'failed')
    .map(({ id }) => id)
}

/** Narrowing would otherwise believe that nothing set it meanwhile. */
function halted(rt: Runtime): Runtime['halt'] {
  return rt.halt
}
