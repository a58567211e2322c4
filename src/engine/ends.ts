/** The ends of a step that is no success. */
import type { Failure } from '../core/events.ts'
import type { Step } from '../core/runbook.ts'
import { stepState } from '../core/state.ts'
import { halt, type Runtime } from './runtime.ts'

/** A person ended it, who wants the run to stop here, whatever a failure leads to. */
export function wasInterrupted(rt: Runtime, step: Step): boolean {
  return stepState(rt.journal.state, step.id).failure?.reason === 'interrupted'
}

/** How it ended for now; `stopped`: the reason is in `rt.halt`. */
export type StepEnd = 'over' | 'failed' | 'stopped'

export async function doubt(rt: Runtime, step: Step, reason: string): Promise<StepEnd> {
  if (stepState(rt.journal.state, step.id).status !== 'in_doubt')
    await rt.journal.record({ type: 'step.in_doubt', step: step.id, reason })
  halt(rt, { kind: 'in_doubt', step, reason })
  return 'stopped'
}

export function paused(rt: Runtime): StepEnd {
  halt(rt, { kind: 'paused' })
  return 'stopped'
}

export async function failStep(
  rt: Runtime,
  step: Step,
  attempt: number,
  failure: Failure,
  duration_ms: number,
): Promise<StepEnd> {
  await rt.journal.record({ type: 'step.failed', step: step.id, attempt, failure, duration_ms })
  return 'failed'
}
