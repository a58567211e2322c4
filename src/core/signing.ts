/** Whose word a step wants, who has given it, and for which step a role can sign now. */
import { selectedSteps } from './compile.ts'
import { EXIT, failure, type RunbookError } from './errors.ts'
import { idInRunbook, stepsNamed } from './hosts.ts'
import { nextForStep } from './next.ts'
import type { Plan } from './plan.ts'
import { didYouMean } from './problems.ts'
import type { Step } from './runbook.ts'
import type { RunState, Signature, StepState } from './state.ts'

/** Whether a step needs a person, in doing or in verifying. */
export function needsPerson(step: { act?: Step['act']; verify: Step['verify'] }): boolean {
  return (
    step.act?.action.verb === 'manual' ||
    step.verify.some((check) => check.action.verb === 'manual')
  )
}

/** A signature counts for the plan that it was given on, and until the step is undone. */
function signed(
  state: StepState | undefined,
  role: string,
  plan_sha256: string,
): Signature | undefined {
  return state?.signatures.find((s) => s.role === role && s.plan_sha256 === plan_sha256 && !s.spent)
}

/** The roles that must still sign before the step may start. */
export function missingApprovals(
  { approval = [] }: Step,
  state: StepState | undefined,
  plan_sha256: string,
): string[] {
  return approval.filter((role) => signed(state, role, plan_sha256) === undefined)
}

/** The signature by which the role of a manual step has said that its work is done. */
export function answered(
  step: Step,
  state: StepState | undefined,
  plan_sha256: string,
): Signature | undefined {
  const manual = manualOf(step)
  return manual && signed(state, manual.role, plan_sha256)
}

function manualOf({ act }: Step): { role: string; confirm: string[] } | undefined {
  return act?.action.verb === 'manual' ? act.action : undefined
}

function rolesOf(step: Step): string[] {
  const manual = manualOf(step)
  return [...(step.approval ?? []), ...(manual === undefined ? [] : [manual.role])]
}

/** What a signature is about. */
export interface ToSign {
  step: Step
  /** As the plan spells it. */
  role: string
  /** The items of a manual step, which must be confirmed with it; empty for an approval. */
  confirm: string[]
}

/**
 * The steps that a role can sign for now: manual steps that wait for it, and approvals that it has
 * not given yet; of these the waiting ones first of all. `only`: no other step. Throws exit 2, with
 * what could have been meant, when there is none.
 */
export function toSign(plan: Plan, state: RunState, asked: string, only?: string): ToSign[] {
  const roles = [...new Set(plan.steps.flatMap(rolesOf))]
  const lower = asked.toLowerCase()
  const role =
    roles.find((known) => known === asked) ?? roles.find((known) => known.toLowerCase() === lower)
  if (role === undefined) throw unknownRole(plan, asked, roles)
  const named = (only === undefined ? plan.steps : stepsNamed(plan.steps, only)).filter((step) =>
    rolesOf(step).includes(role),
  )
  if (named.length === 0) throw notItsRole(plan, role, only ?? '')
  const selected = selectedSteps(plan)
  const open = named.filter((one) => selected.has(one.id) && isOpen(one, state, role))
  if (open.length === 0) throw nothingToSign(named, state, role, only)
  const waiting = open.filter((one) => state.steps.get(one.id)?.status === 'waiting')
  // One word is for the step on all of its hosts.
  const wanted = new Set((waiting.length > 0 ? waiting : open).map(idInRunbook))
  const found = open.filter((one) => wanted.has(idInRunbook(one)))
  return found.map((one) => ({
    step: one,
    role,
    confirm: manualOf(one)?.role === role ? (manualOf(one)?.confirm ?? []) : [],
  }))
}

function isOpen(step: Step, state: RunState, role: string): boolean {
  const known = state.steps.get(step.id)
  if (nextForStep(step, known) === 'over' || known?.status === 'running') return false
  if (signed(known, role, state.plan_sha256) !== undefined) return false
  // An approval may be given beforehand; work is done when the run has come to it.
  const waits = known?.status === 'waiting' && known.roles?.includes(role) === true
  return step.approval?.includes(role) === true || waits
}

function unknownRole(plan: Plan, asked: string, roles: readonly string[]): RunbookError {
  const hint =
    roles.length === 0
      ? `${plan.runbook} has no step with approval or manual`
      : didYouMean(asked, roles)
  return failure(
    EXIT.usage,
    `no step of ${plan.runbook} asks "${asked}" to sign`,
    hint === undefined ? {} : { hint },
  )
}

function notItsRole(plan: Plan, role: string, only: string): RunbookError {
  const asking = plan.steps.filter((one) => rolesOf(one).includes(role))
  const steps = [...new Set(asking.map(idInRunbook))]
  return failure(EXIT.usage, `step "${only}" does not ask ${role} to sign`, {
    hint: didYouMean(only, steps) ?? `steps that do: ${steps.join(', ')}`,
  })
}

function nothingToSign(
  steps: readonly Step[],
  state: RunState,
  role: string,
  only: string | undefined,
): RunbookError {
  for (const step of steps) {
    const before = signed(state.steps.get(step.id), role, state.plan_sha256)
    if (before !== undefined)
      return failure(
        EXIT.usage,
        `${role} has been signed for step ${step.id} already, by ${before.by.user}@${before.by.host} at ${before.at}`,
        { hint: `nothing more is needed from ${role}: runbook status ${state.run}` },
      )
  }
  const what = only === undefined ? 'nothing in this run waits' : `step ${only} does not wait`
  return failure(EXIT.usage, `${what} for ${role} now`, {
    hint: `see where it stands: runbook status ${state.run}`,
  })
}
