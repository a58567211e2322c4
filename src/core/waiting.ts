/** What a run waits for: times, signatures, people. The journal says it, so that any process can go on. */
import { stepsNamed } from './hosts.ts'
import { nextForStep } from './next.ts'
import type { Plan } from './plan.ts'
import type { Step } from './runbook.ts'
import { answered, missingApprovals, needsPerson } from './signing.ts'
import { stepState, type RunState, type StepState } from './state.ts'

/** When a timer of so many milliseconds, counted from the end of a step, is due. UTC. */
export function dueAt(plan: Plan, state: RunState, step: string, at_least_ms: number): string {
  const ends = stepsNamed(plan.steps, step).map(({ id }) => state.steps.get(id)?.counts_from)
  // On hosts the last of them counts.
  const from =
    ends
      .map((end) => end ?? state.latest_at)
      .toSorted()
      .at(-1) ?? state.latest_at
  return new Date(Date.parse(from) + at_least_ms).toISOString()
}

/** Milliseconds until a time; 0 when it is over. */
export function msLeft(until: string, now_ms: number): number {
  return Math.max(0, Date.parse(until) - now_ms)
}

/**
 * The steps that hold a run up by waiting. Empty when there is anything else that it could do, or
 * when nothing waits: only the first phase that is not over counts, as those after it wait for it.
 */
export function heldUpBy(plan: Plan, state: RunState): StepState[] {
  if (state.direction === 'backward') return []
  const byId = new Map(plan.steps.map((step) => [step.id, step]))
  for (const phase of plan.phases) {
    const left = phase.steps
      .flatMap((id) => byId.get(id) ?? [])
      .filter((step) => nextForStep(step, state.steps.get(step.id)) !== 'over')
      .map((step) => stepState(state, step.id))
    if (left.length === 0) continue
    const held = phase.concurrent > 1 ? left : left.slice(0, 1)
    return held.every((step) => step.status === 'waiting') ? held : []
  }
  return []
}

/** When the first timer among these steps is due, UTC; undefined when none of them waits for a time. */
export function firstDue(steps: readonly StepState[]): string | undefined {
  return steps.flatMap(({ until }) => until ?? []).toSorted()[0]
}

/** Whether going on now would come to nothing; `someone`: a person sits here who can answer. */
export function standsStill(
  plan: Plan,
  state: RunState,
  now_ms: number,
  someone: boolean,
): boolean {
  const held = heldUpBy(plan, state)
  return held.length > 0 && !held.some((step) => mayStart(plan, state, step, now_ms, someone))
}

function mayStart(
  plan: Plan,
  state: RunState,
  waiting: StepState,
  now_ms: number,
  someone: boolean,
): boolean {
  const step = plan.steps.find(({ id }) => id === waiting.id)
  if (step === undefined) return true
  if (waiting.until !== undefined && msLeft(waiting.until, now_ms) > 0) return false
  if (plan.environment.manual === 'assume') return true
  if (missingApprovals(step, waiting, state.plan_sha256).length > 0) return false
  return !needsPerson(step) || someone || answered(step, waiting, state.plan_sha256) !== undefined
}

/** The steps of a concurrent phase that wait hold nobody up but the phases after it. */
export function holdsUpOthers(plan: Plan, step: Step): boolean {
  const phase = plan.phases.find(({ id }) => id === step.phase)
  return phase === undefined || phase.concurrent <= 1
}
