/** A run keeps to the plan it began with; how today's differs, and when a run may change to it. */
import { EXIT, failure } from './errors.ts'
import { canonicalJson, type Plan } from './plan.ts'
import type { Step } from './runbook.ts'
import type { RunState } from './state.ts'

/** The same step, wherever it stands in its file. */
function content(value: unknown): string {
  return canonicalJson(
    JSON.parse(
      JSON.stringify(value, (key, v: unknown) => (key === 'at' ? undefined : v)),
    ) as unknown,
  )
}

/** What is no longer as it was when the run began, in words; empty when nothing is. */
export function planDifferences(was: Plan, is: Plan): string[] {
  const before = new Map([...was.steps, ...was.finally].map((s) => [s.id, s]))
  const after = new Map([...is.steps, ...is.finally].map((s) => [s.id, s]))
  const differences: string[] = []
  for (const [id, step] of after) {
    const old = before.get(id)
    if (old === undefined) differences.push(`step ${id} is new`)
    else if (content(old) !== content(step)) differences.push(`step ${id} is different`)
  }
  for (const id of before.keys()) if (!after.has(id)) differences.push(`step ${id} is gone`)
  for (const key of ['inputs', 'environment', 'phases', 'scopes', 'requires', 'files'] as const) {
    if (content(was[key]) !== content(is[key])) differences.push(`${key} changed`)
  }
  return differences
}

/** Throws exit 10 unless every step that was started is the same in both. */
export function demandSameStarted(was: Plan, is: Plan, state: RunState): void {
  const step = (plan: Plan, id: string): Step | undefined =>
    [...plan.steps, ...plan.finally].find((s) => s.id === id)
  const changed = [...state.steps.values()]
    .filter((s) => s.status !== 'pending' && s.status !== 'waiting' && s.status !== 'skipped')
    .filter((s) => content(step(was, s.id) ?? null) !== content(step(is, s.id) ?? null))
    .map((s) => s.id)
  if (changed.length === 0) return
  throw failure(
    EXIT.stale,
    `this run cannot change to the new plan: ${changed.join(', ')} was already started and is different in it`,
    {
      hint: `go on with the plan it began with: runbook resume ${state.run}`,
    },
  )
}
