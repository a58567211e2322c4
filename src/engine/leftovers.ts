/** What attempts leave behind in files: without secrets from the moment their end is recorded. */
import { join } from 'node:path'
import type { RunState, StepState } from '../core/state.ts'
import { scrubAttempt, scrubAttempts } from '../lib/scrub.ts'
import type { Role } from './attempt.ts'
import { attemptFolder, OUTSIDE, type Bound, type Runtime } from './runtime.ts'

/** The files of one step; while its end is only in its receipt they stay as they are. */
export function scrubStep(rt: Runtime, step: string): void {
  scrub(rt, rt.run, rt.journal.state.steps.get(step), step)
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
