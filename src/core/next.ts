/** What is still to do: the difference between a plan and a run's state. */
import { runsElsewhere } from './hosts.ts'
import type { Plan } from './plan.ts'
import type { Step } from './runbook.ts'
import type { RunState, StepState } from './state.ts'

/** What the engine does with a step when it comes to it. */
export type Next =
  /** Nothing: it is done, satisfied or skipped. */
  | 'over'
  /** Begin it, or begin it again. */
  | 'start'
  /** Its action was started and its end is not recorded: find out. */
  | 'recover'
  /** Its action has ended: ask its checks. */
  | 'verify'
  /** Its undo was begun, or a person asked for it: undo first, then start. */
  | 'undo'
  /** It failed and must not run twice without a person's word. */
  | 'needs_retry'
  /** A person must say what became of it. */
  | 'in_doubt'

/** Whether running the step twice does no harm; a person can always be asked again. */
export function mayRunAgain(step: Step): boolean {
  return step.act === undefined || step.effect !== 'once' || step.act.action.verb === 'manual'
}

/** A host that could not be reached may be back, and knows what became of it. */
function mayBeAsked(step: Step, { flight }: StepState): boolean {
  return runsElsewhere(step, step.act?.action) && flight?.phase === 'armed'
}

/** What to do with one step, given what the journal says of it. */
export function nextForStep(
  step: Step,
  state: StepState | undefined,
  retry: ReadonlySet<string> = new Set(),
): Next {
  if (state === undefined) return 'start'
  // What `finally` holds runs at every end of a run, after a stop and again after the rollback.
  if (step.phase === 'finally' && state.status !== 'running') return 'start'
  switch (state.status) {
    case 'done':
    case 'satisfied':
    case 'skipped':
      return 'over'
    case 'pending':
    case 'waiting':
      return 'start'
    case 'undone':
      return 'start'
    case 'failed':
      // One that never started, or surely changed nothing, may simply start.
      return mayRunAgain(step) || retry.has(step.id) || state.started_seq === undefined
        ? 'start'
        : 'needs_retry'
    case 'undo_failed':
      return 'undo'
    case 'in_doubt':
      if (state.flight?.role === 'undo') return 'undo'
      return mayBeAsked(step, state) ? 'recover' : 'in_doubt'
    case 'running':
      if (state.resolved === 'undo' || state.flight?.role === 'undo') return 'undo'
      if (state.flight === undefined) return 'start'
      return state.flight.phase === 'acted' ? 'verify' : 'recover'
  }
}

/**
 * Steps of `finally` that this end of the run still needs. One that ended after all that the run did
 * belongs to this same end, which the tool died before it could record: nobody is told it twice.
 */
export function finallyToDo({ steps, finally: last }: Plan, state: RunState): Step[] {
  const seqs = steps.map(({ id }) => state.steps.get(id)?.seq ?? 0)
  const since = Math.max(state.turned_seq, ...seqs)
  const over = new Set(['done', 'satisfied', 'skipped'])
  return last.filter(({ id }) => {
    const known = state.steps.get(id)
    return known === undefined || known.seq < since || !over.has(known.status)
  })
}

/** Steps that a forward run has yet to deal with, in the order of the plan. */
export function stepsToDo(plan: Plan, state: RunState): Step[] {
  return plan.steps.filter((step) => nextForStep(step, state.steps.get(step.id)) !== 'over')
}
