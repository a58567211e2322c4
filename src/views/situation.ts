/** How things stand with a run: what came of its steps, and what is changed and not undone. */
import type { Plan } from '../core/plan.ts'
import { startedSteps, type RunState, type StepState, type StepStatus } from '../core/state.ts'
import type { Look } from '../lib/terminal.ts'
import type { Page } from './page.ts'
import { countsText } from './words.ts'

/** Which runbook, which run. */
export function identity(out: Page, plan: Plan, state: RunState): void {
  const part = state.partial ? ', a part only' : ''
  out.field('runbook', `${plan.runbook} ${plan.version}: ${plan.title}`)
  out.field(
    'run',
    `${state.run} in ${state.environment}, plan ${state.plan_sha256.slice(0, 12)}${part}`,
  )
}

/** The counts of the steps, and by name what is changed, undone, or left. */
export function stateOfThings(out: Page, plan: Plan, state: RunState, look: Look): void {
  const ids = plan.steps.map((step) => step.id)
  const counts = tally(state, ids)
  const parts = [
    countsText(counts, look),
    counts.running === undefined ? '' : `${counts.running} unfinished`,
    counts.pending === undefined ? '' : `${counts.pending} never started`,
  ]
  out.field('steps', parts.filter((part) => part !== '').join(', '))
  const kinds = new Map(plan.steps.map((step) => [step.id, step.rollback.kind]))
  const changed = startedSteps(state).filter((step) => {
    const kind = kinds.get(step.id)
    return kind === 'undo' || kind === 'irreversible'
  })
  if (state.direction === 'forward') {
    out.field('changed', listed(changed.map((step) => named(step, kinds))))
    return
  }
  const kept = withStatus(state, 'done').filter((id) => kinds.get(id) === 'keep')
  const untouched = changed.filter((step) => step.status !== 'undo_failed').reverse()
  out.field('undone', listed(withStatus(state, 'undone')))
  for (const [label, ids] of [
    ['not undone', withStatus(state, 'undo_failed')],
    ['untouched', untouched.map((step) => named(step, kinds))],
    ['kept', kept],
  ] as const)
    if (ids.length > 0) out.field(label, listed(ids))
}

function named(step: StepState, kinds: ReadonlyMap<string, string>): string {
  return kinds.get(step.id) === 'irreversible' ? `${step.id} (irreversible)` : step.id
}

function listed(ids: readonly string[]): string {
  if (ids.length === 0) return 'nothing'
  const shown = ids.slice(0, 12).join(', ')
  return ids.length > 12 ? `${shown} and ${ids.length - 12} more` : shown
}

/** How many of these steps have which status. */
export function tally(
  state: RunState,
  ids: readonly string[],
): Partial<Record<StepStatus, number>> {
  const counts: Partial<Record<StepStatus, number>> = {}
  for (const id of ids) {
    const status = state.steps.get(id)?.status ?? 'pending'
    counts[status] = (counts[status] ?? 0) + 1
  }
  return counts
}

/** Ids of the steps with this status. */
export function withStatus(state: RunState, status: StepStatus): string[] {
  return [...state.steps.values()].filter((step) => step.status === status).map((step) => step.id)
}
