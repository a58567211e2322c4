/** What is to be undone: the other difference between a plan and a run's state. */
import { EXIT, failure, type RunbookError } from './errors.ts'
import { stepsNamed } from './hosts.ts'
import { didYouMean } from './problems.ts'
import type { Plan } from './plan.ts'
import type { Step, Undo } from './runbook.ts'
import { startedSteps, type RunState } from './state.ts'

export interface UndoRequest {
  scope?: string
  /** Leave this step, and all that started before it, as they are. */
  to?: string
}

/** One step to undo, with what is left of its list of undos. */
export interface StepToUndo {
  step: Step
  undos: { part: number; undo: Undo; last: boolean }[]
}

/** Every scope that undoing `scope` includes, through `with`. Throws exit 2 for an unknown one. */
function scopesOf(plan: Plan, scope: string): Set<string> {
  const found = new Set<string>()
  const visit = (name: string): void => {
    const known = plan.scopes[name]
    if (known === undefined) {
      const names = Object.keys(plan.scopes)
      const hint = didYouMean(name, names)
      throw failure(
        EXIT.usage,
        `${plan.runbook} has no rollback scope "${name}"`,
        hint === undefined ? {} : { hint },
      )
    }
    if (found.has(name)) return
    found.add(name)
    known.with.forEach(visit)
  }
  visit(scope)
  return found
}

/** Started steps with something to undo, in strict reverse of the order in which they started. */
function undoable(plan: Plan, state: RunState): Step[] {
  const byId = new Map(plan.steps.map((step) => [step.id, step]))
  return startedSteps(state)
    .map((s) => byId.get(s.id))
    .filter(
      (step): step is Step =>
        step !== undefined &&
        (step.rollback.kind === 'undo' || step.rollback.kind === 'irreversible'),
    )
    .reverse()
}

/**
 * The steps that a rollback has to undo, first the one to be undone first. Throws exit 2 for an
 * unknown scope or step, exit 6 when an irreversible step stands in the way.
 */
export function stepsToUndo(plan: Plan, state: RunState, request: UndoRequest = {}): StepToUndo[] {
  let steps = undoable(plan, state)
  if (request.to !== undefined) {
    const to = stepsNamed(plan.steps, request.to)
    if (to.length === 0) {
      const hint = didYouMean(
        request.to,
        plan.steps.map((s) => s.id),
      )
      throw failure(
        EXIT.usage,
        `the run has no step "${request.to}"`,
        hint === undefined ? {} : { hint },
      )
    }
    const started = to.flatMap((step) => state.steps.get(step.id)?.started_seq ?? [])
    if (started.length === 0)
      throw failure(
        EXIT.usage,
        `step "${request.to}" was not started in this run, so nothing can be rolled back to it`,
      )
    const seq = Math.max(...started)
    steps = steps.filter((step) => (state.steps.get(step.id)?.started_seq ?? 0) > seq)
  }
  if (request.scope !== undefined) {
    const scopes = scopesOf(plan, request.scope)
    steps = steps.filter(
      (step) => step.rollback.kind === 'irreversible' || step.scope.some((s) => scopes.has(s)),
    )
  }
  const wall = steps.findIndex((step) => step.rollback.kind === 'irreversible')
  if (wall >= 0 && steps.slice(wall).some((step) => step.rollback.kind === 'undo'))
    throw irreversible(steps[wall], state)
  return steps.flatMap((step) => {
    if (step.rollback.kind !== 'undo') return []
    const { undos } = step.rollback
    const from = state.steps.get(step.id)?.undone_parts ?? 0
    const left = undos
      .map((undo, part) => ({ part, undo, last: part === undos.length - 1 }))
      .slice(from)
    return [{ step, undos: left }]
  })
}

function irreversible(step: Step | undefined, state: RunState): RunbookError {
  const why = step?.rollback.kind === 'irreversible' ? step.rollback.why : ''
  return failure(EXIT.precondition, `step "${step?.id ?? ''}" cannot be undone: ${why}`, {
    hint: `to undo only what came after it: runbook rollback ${state.run} --to ${step?.id ?? ''}`,
  })
}

/** Whether anything is left to undo, also what only an irreversible step keeps from being undone. */
export function hasSomethingToUndo(plan: Plan, state: RunState): boolean {
  return undoable(plan, state).some((step) => step.rollback.kind === 'undo')
}

/** Whether a rollback could undo anything: what an irreversible step stands before, none can. */
function canUndoSomething(plan: Plan, state: RunState): boolean {
  return undoable(plan, state)[0]?.rollback.kind === 'undo'
}

/** Over and its lock free: succeeded, rolled back, abandoned, or failed with nothing left to undo. */
export function isFinished(plan: Plan, state: RunState): boolean {
  if (
    state.status === 'succeeded' ||
    state.status === 'rolled_back' ||
    state.status === 'abandoned'
  )
    return true
  if (state.status === 'partly_rolled_back') return !canUndoSomething(plan, state)
  return state.status === 'failed' && !hasSomethingToUndo(plan, state) && !hasFlight(state)
}

function hasFlight(state: RunState): boolean {
  return [...state.steps.values()].some((s) => s.flight !== undefined)
}
