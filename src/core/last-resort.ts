/**
 * Last resorts: undos that cost more than an ordinary rollback may, such as a database put back to its
 * backup. They run only by name, in place of the ordinary undos of their step and of the steps that
 * they cover.
 */
import { EXIT, failure } from './errors.ts'
import { stepsNamed } from './hosts.ts'
import { didYouMean } from './problems.ts'
import type { Plan } from './plan.ts'
import type { Step, Undo } from './runbook.ts'
import type { RunState, StepState } from './state.ts'
import type { PartToUndo, StepToUndo } from './undo.ts'

/** The last resorts of a step; none for most. */
export function lastResorts({ rollback }: Step): Undo[] {
  return rollback.kind === 'undo' || rollback.kind === 'irreversible'
    ? (rollback.last_resort ?? [])
    : []
}

/** Whether a step has a last resort. */
export function hasLastResort(step: Step): boolean {
  return lastResorts(step).length > 0
}

/** The steps that a step's last resort undoes along with it; of one on a host those of that host. */
export function coveredBy(step: Step, steps: readonly Step[]): Step[] {
  const names = new Set(lastResorts(step).flatMap(({ covers = [] }) => covers))
  const here = step.on?.host.name
  return steps.filter(
    ({ id, on }) =>
      id !== step.id &&
      names.has(on?.step ?? id) &&
      (here === undefined || on === undefined || on.host.name === here),
  )
}

/** What is left of a step's ordinary undos; of an irreversible one there are none. */
export function ordinaryParts({ rollback }: Step, state: StepState | undefined): PartToUndo[] {
  if (rollback.kind !== 'undo') return []
  const done = state?.undone_parts ?? 0
  // A last resort that broke off counts behind them, and may have taken back what they did.
  return parts(rollback.undos, 0, done >= rollback.undos.length ? 0 : done)
}

function lastResortParts(step: Step, state: StepState | undefined): PartToUndo[] {
  const { rollback } = step
  const first = rollback.kind === 'undo' ? rollback.undos.length : 0
  return parts(lastResorts(step), first, Math.max(0, (state?.undone_parts ?? 0) - first))
}

function parts(undos: readonly Undo[], first: number, from: number): PartToUndo[] {
  return undos
    .map((undo, i) => ({ part: first + i, undo, last: i === undos.length - 1 }))
    .slice(from)
}

/**
 * Steps, newest first, each with the undos that it is to have when those of `names` take their last
 * resort. What one covers is left out of the order; it comes as soon as the newest of all that it
 * undoes is reached, so that nothing is undone before what came after it.
 */
export function withLastResorts(
  steps: readonly Step[],
  state: RunState,
  names: readonly string[],
): StepToUndo[] {
  const done = new Set<string>()
  const named = names.flatMap((name) => stepsNamed(steps, name)).filter(hasLastResort)
  const reach = named.map((resort) => ({ resort, covers: coveredBy(resort, steps) }))
  return steps.flatMap((step) => {
    if (done.has(step.id)) return []
    const taken =
      reach.find((one) => one.resort.id === step.id) ??
      reach.find((one) => !done.has(one.resort.id) && one.covers.includes(step))
    if (taken === undefined) {
      return [{ step, undos: ordinaryParts(step, state.steps.get(step.id)), covers: [] }]
    }
    const { resort, covers } = taken
    const along = covers.filter(({ id }) => !done.has(id))
    for (const { id } of [resort, ...along]) done.add(id)
    const undos = lastResortParts(resort, state.steps.get(resort.id))
    return [{ step: resort, undos, covers: along }]
  })
}

/**
 * Throws exit 2 when a last resort that was asked for cannot be taken: no such step, none of its own,
 * not among the steps to undo, or one that reaches further than the rest of the request.
 */
export function demandLastResorts(
  plan: Plan,
  state: RunState,
  names: readonly string[],
  steps: readonly StepToUndo[],
): void {
  const reached = new Set(steps.flatMap(({ step, covers }) => [step, ...covers]))
  for (const name of names) {
    const meant = stepsNamed(plan.steps, name)
    const resorts = meant.filter(hasLastResort)
    if (resorts.length === 0) {
      const known = plan.steps.filter(hasLastResort).map(({ id }) => id)
      const what = meant.length === 0 ? 'the run has no step' : 'there is no last resort of step'
      const hint = didYouMean(name, known) ?? 'this runbook has no last resorts'
      throw failure(EXIT.usage, `${what} "${name}"`, { hint })
    }
    const started = resorts.filter((step) => isStarted(state, step))
    if (started.length === 0) {
      const status = state.steps.get(resorts[0]?.id ?? '')?.status ?? 'pending'
      const how = status.replace('_', ' ')
      throw failure(EXIT.usage, `step "${name}" has nothing to undo in this run: it is ${how}`)
    }
    const undone = started.flatMap((step) => [step, ...coveredBy(step, plan.steps)])
    const beyond = undone.filter((step) => !reached.has(step) && isStarted(state, step))
    if (beyond.length === 0) continue
    const ids = [...new Set(beyond.map(({ id }) => id))].join(', ')
    throw failure(
      EXIT.usage,
      `the last resort of step "${name}" undoes ${ids}, which this rollback is to leave`,
      { hint: `leave --to and --scope out: runbook rollback ${state.run} --last-resort ${name}` },
    )
  }
}

function isStarted(state: RunState, { id, rollback: { kind } }: Step): boolean {
  const started = state.steps.get(id)?.started_seq !== undefined
  return started && (kind === 'undo' || kind === 'irreversible')
}
