/** What attempts leave behind in files: without secrets from the moment their end is recorded. */
import { join } from 'node:path'
import { isElsewhere } from '../core/hosts.ts'
import type { Step } from '../core/runbook.ts'
import type { RunState, StepState } from '../core/state.ts'
import { forgetFar } from '../lib/far-folders.ts'
import { scrubAttempt, scrubAttempts } from '../lib/scrub.ts'
import type { Role } from './attempt.ts'
import { stepScope } from './roles.ts'
import { attemptFolder, OUTSIDE, scopeOf, type Bound, type Runtime } from './runtime.ts'

/** The files of one step, here and on its host; while its end is only in its receipt they stay as they are. */
export async function scrubStep(rt: Runtime, step: Step): Promise<void> {
  const state = rt.journal.state.steps.get(step.id)
  scrub(rt, rt.run, state, step.id)
  if (!isElsewhere(step) || mayRun(state)) return
  const { ssh } = stepScope(rt, step).host as Record<string, unknown>
  const why = await forgetFar(String(ssh), [placeOfStep(rt.run, step.id)])
  if (why === undefined) return
  const text = `~/.cache/runbook/${placeOfStep(rt.run, step.id)} is still on ${String(ssh)}: ${why}`
  rt.view.progress({ kind: 'note', step: step.id, text })
}

/** A tool that died may have left folders on hosts, of steps whose end it had recorded. */
export async function scrubHosts(bound: Bound, { run, steps }: RunState): Promise<void> {
  const left = new Map<string, string[]>()
  for (const step of bound.plan.steps) {
    const state = steps.get(step.id)
    if (!isElsewhere(step) || mayRun(state) || (state?.attempts ?? 0) === 0) continue
    const { ssh } = scopeOf(bound, { host: step.on?.host }).host as Record<string, unknown>
    left.set(String(ssh), [...(left.get(String(ssh)) ?? []), placeOfStep(run, step.id)])
  }
  await Promise.all([...left].map(([destination, all]) => forgetFar(destination, all, true)))
}

/** Where a step's attempts are on its host, under `~/.cache/runbook`. */
export function placeOfStep(run: string, step: string): string {
  return `${run}/${step}`
}

/** Whether what is left of it may still be needed to know how it ended. */
function mayRun(state: StepState | undefined): boolean {
  return state?.flight?.phase === 'armed'
}

/** Those of a whole run: a tool that died may have left some that no step comes back to. */
export function scrubRun(bound: Bound, state: RunState): void {
  for (const step of state.steps.values()) scrub(bound, state.run, step, step.id)
}

/** Those of a check that belongs to no run. */
export function scrubOutside(bound: Bound, role: Pick<Role, 'run' | 'step' | 'folder'>): void {
  if (role.run !== OUTSIDE || !bound.masker.knowsAny()) return
  const folder = attemptFolder(bound, role.run, role.step?.id ?? 'checks', role.folder)
  scrubAttempt(folder, (text) => bound.masker.mask(text))
}

function scrub(bound: Bound, run: string, state: StepState | undefined, step: string): void {
  if (!bound.masker.knowsAny()) return
  if (state?.status === 'running' && state.flight?.phase === 'armed') return
  scrubAttempts(join(bound.folder, 'runs', run, step), (text) => bound.masker.mask(text))
}
