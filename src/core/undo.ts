/** What is to be undone: the other difference between a plan and a run's state. */
import { EXIT, failure, isRunbookError, type RunbookError } from './errors.ts'
import { stepsNamed } from './hosts.ts'
import { actionInRun } from './in-short.ts'
import { hasLastResort, lastResorts, withLastResorts } from './last-resort.ts'
import { didYouMean } from './problems.ts'
import { stepsToDo } from './next.ts'
import type { Plan } from './plan.ts'
import type { RunStatus } from './events.ts'
import type { Step, Undo } from './runbook.ts'
import { startedSteps, type RunState } from './state.ts'

export interface UndoRequest {
  scope?: string
  /** Leave this step, and all that started before it, as they are. */
  to?: string
  /** Steps whose last resort is taken in place of their ordinary undos. */
  last_resort?: string[]
}

/** What the rollback that a run is in was asked to undo. */
export function requestOf({ rollback = { why: '', automatic: true } }: RunState): UndoRequest {
  const { scope, to, last_resort } = rollback
  return {
    ...(scope !== undefined && { scope }),
    ...(to !== undefined && { to }),
    ...(last_resort !== undefined && { last_resort }),
  }
}

/** One undo of a step's list; `part` counts on from the ordinary ones to the last resorts. */
export interface PartToUndo {
  part: number
  undo: Undo
  last: boolean
}

/** One step to undo, with what is left of its list of undos. */
export interface StepToUndo {
  step: Step
  undos: PartToUndo[]
  /** Other steps that its last resort undoes as well: nothing of theirs is run, and each is verified. */
  covers: Step[]
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
  const resorts = withLastResorts(steps, state, request.last_resort ?? [])
  const wall = resorts.findIndex(
    ({ step, undos }) => step.rollback.kind === 'irreversible' && undos.length === 0,
  )
  const behind = resorts.slice(wall).map(({ step }) => step)
  if (wall >= 0 && behind.some((step) => step.rollback.kind === 'undo' || hasLastResort(step)))
    throw irreversible(plan, state, behind[0])
  return resorts.filter(({ undos }) => undos.length > 0)
}

/**
 * What is left to undo of these steps alone, the newest first. An irreversible step does not stand in
 * its way: what started before them, or beside them, stays as it is.
 */
export function stepsToUndoAlone(
  plan: Plan,
  state: RunState,
  ids: readonly string[],
): StepToUndo[] {
  const steps = undoable(plan, state).filter(({ id }) => ids.includes(id))
  return withLastResorts(steps, state, []).filter(({ undos }) => undos.length > 0)
}

/** Why not all that was started can be undone: an irreversible step is never crossed. Undefined: it can. */
export function whyNotWhole(plan: Plan, state: RunState): string | undefined {
  try {
    stepsToUndo(plan, state)
  } catch (error) {
    if (!isRunbookError(error)) throw error
    return error.message
  }
  return undefined
}

/**
 * Why a failure must not lead to an undo by itself, of all or of `only` these steps: what `whyNotWhole` says,
 * and where it is protected nothing is lost without a person's word. Undefined: it may.
 */
export function whyNotByItself(
  plan: Plan,
  state: RunState,
  only?: readonly string[],
): string | undefined {
  const walled = only === undefined ? whyNotWhole(plan, state) : undefined
  if (walled !== undefined) return walled
  const steps = only === undefined ? stepsToUndo(plan, state) : stepsToUndoAlone(plan, state, only)
  const loses = steps.flatMap(({ undos }) => undos.flatMap(({ undo }) => undo.loses ?? []))
  return plan.environment.protected && loses.length > 0
    ? `it would lose data in a protected environment (${loses.join(' ')})`
    : undefined
}

function irreversible(plan: Plan, state: RunState, step: Step | undefined): RunbookError {
  const { id = '', rollback } = step ?? {}
  const why = rollback?.kind === 'irreversible' ? rollback.why : ''
  const command = `runbook rollback ${state.run}`
  const resorts = step === undefined ? [] : resortsInShort(plan, state, step)
  const hints = [
    ...(resorts.length === 0
      ? []
      : [`its last resort: ${command} --last-resort ${id}`, ...resorts]),
    `to undo only what came after it: ${command} --to ${id}`,
  ]
  return failure(EXIT.precondition, `step "${id}" cannot be undone: ${why}`, {
    hint: hints.join('\n'),
  })
}

function resortsInShort(plan: Plan, state: RunState, step: Step): string[] {
  return lastResorts(step).map(({ action, loses = 'nothing' }) => {
    return `  ${actionInRun(action, plan, state, step)}; loses: ${loses}`
  })
}

/** Whether a last resort could still be taken. */
export function hasLastResortLeft(plan: Plan, state: RunState): boolean {
  return undoable(plan, state).some(hasLastResort)
}

/** Whether anything is left to undo, also what only an irreversible step keeps from being undone. */
export function hasSomethingToUndo(plan: Plan, state: RunState): boolean {
  return undoable(plan, state).some((step) => step.rollback.kind === 'undo')
}

/** Whether a rollback could undo anything: what an irreversible step stands before, none can. */
function canUndoSomething(plan: Plan, state: RunState): boolean {
  return undoable(plan, state)[0]?.rollback.kind === 'undo'
}

/** Whether nothing is left of an unfinished run but its end: `finally`, and its last word. */
export function lacksOnlyItsEnd(plan: Plan, state: RunState): boolean {
  if (!['running', 'paused', 'rolling_back'].includes(state.status)) return false
  return state.direction === 'forward'
    ? stepsToDo(plan, state).length === 0
    : stepsToUndo(plan, state, requestOf(state)).length === 0
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

/**
 * Whether `resume` has anything to go on with, in the direction in which the run goes: not with one that
 * is over, nor with one of which all is undone that it was asked to undo.
 */
export function canGoOn({ status }: { status: RunStatus }): boolean {
  return !['succeeded', 'rolled_back', 'partly_rolled_back', 'abandoned'].includes(status)
}

function hasFlight(state: RunState): boolean {
  return [...state.steps.values()].some((s) => s.flight !== undefined)
}
