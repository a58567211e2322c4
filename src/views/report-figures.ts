/** What a step measured or found out, as a report shows it. */
import type { Try } from '../core/history.ts'
import type { Step } from '../core/runbook.ts'
import { isSealed } from '../core/secrets.ts'
import { soakFields } from '../core/soak.ts'
import type { StepState } from '../core/state.ts'
import { watchedText } from './watching.ts'

/**
 * By name: what was seen while it was watched, what a measuring verb gave, and outputs in clear; not
 * texts of several lines, nor a person's answer, which stands elsewhere. `last`: its last attempt.
 */
export function figuresOf(
  step: Step,
  last: Try | undefined,
  state: StepState | undefined,
): Record<string, unknown> {
  const measured = step.act?.action.verb === 'load' ? (last?.result ?? {}) : {}
  if (step.act?.action.verb === 'manual') return {}
  const given = { ...watchedFigures(state), ...measured, ...state?.outputs }
  const shown = Object.entries(given).filter(([, value]) => isFigure(value))
  return Object.fromEntries(shown)
}

/** What was seen while it was watched: how long, and the summaries of each probe's figures. */
function watchedFigures(state: StepState | undefined): Record<string, unknown> {
  const all = Object.values(state?.soaks ?? {})
  if (state?.during !== undefined) all.push(state.during)
  const shown = all.flatMap((watched) => [
    ['watched', watchedText(watched)] as const,
    ...Object.entries(soakFields(watched)).flatMap(([probe, seen]) =>
      Object.entries(Object(seen) as object).flatMap(([figure, summary]) =>
        typeof summary === 'object'
          ? [[`${probe}.${figure}`, rounded(summary as object)] as const]
          : [],
      ),
    ),
  ])
  return Object.fromEntries(shown) as Record<string, unknown>
}

function rounded(summary: object): object {
  const figures = Object.entries(summary) as [string, unknown][]
  return Object.fromEntries(
    figures.map(([name, value]) => [name, Math.round(Number(value) * 1000) / 1000]),
  )
}

function isFigure(value: unknown): boolean {
  if (typeof value === 'string') return value !== '' && !value.includes('\n')
  return value !== null && !isSealed(value)
}
