/** What a step measured or found out, as a report shows it. */
import type { Try } from '../core/history.ts'
import type { Step } from '../core/runbook.ts'
import { isSealed } from '../core/secrets.ts'
import type { StepState } from '../core/state.ts'

/**
 * By name: what a measuring verb gave, and outputs in clear; not texts of several lines, nor what
 * stands elsewhere: a person's answer, and what probes saw. `last`: its last attempt.
 */
export function figuresOf(
  step: Step,
  last: Try | undefined,
  state: StepState | undefined,
): Record<string, unknown> {
  const measured = step.act?.action.verb === 'load' ? (last?.result ?? {}) : {}
  if (step.act?.action.verb === 'manual') return {}
  const given = { ...measured, ...state?.outputs }
  const shown = Object.entries(given).filter(([, value]) => isFigure(value))
  return Object.fromEntries(shown)
}

function isFigure(value: unknown): boolean {
  if (typeof value === 'string') return value !== '' && !value.includes('\n')
  return value !== null && !isSealed(value)
}
