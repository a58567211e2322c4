/** `runbook rollback --dry-run`: what would be undone, in order, and what that loses. */
import { formatDuration } from '../core/durations.ts'
import { actionInShort } from '../core/in-short.ts'
import type { Plan } from '../core/plan.ts'
import type { RunState } from '../core/state.ts'
import type { StepToUndo } from '../core/undo.ts'
import { cleanLine } from '../lib/clean.ts'
import type { Look } from '../lib/terminal.ts'
import { page } from './page.ts'
import { plural } from './words.ts'

/** The steps first to be undone first; what is lost says how old it is. */
export function rollbackPlanText(
  plan: Plan,
  state: RunState,
  steps: readonly StepToUndo[],
  look: Look,
  now: number = Date.now(),
): string {
  const out = page(look)
  const { yellow } = look.colours
  const which = `run ${state.run} of ${plan.runbook} ${plan.version} in ${state.environment}`
  out.heading(`${plural(steps.length, 'step')} of ${which} would be undone`)
  for (const { step, undos } of steps) {
    const started = state.steps.get(step.id)?.started_at
    const age = started === undefined ? '' : `, ${formatDuration(now - Date.parse(started))} old`
    out.line()
    const title = step.title === step.id ? '' : `  ${step.title}`
    out.heading(`${step.id}${title}`)
    for (const { undo } of undos) {
      out.field('undo', actionInShort(undo.action))
      const checks = undo.verify === 'inverse' ? [] : undo.verify
      for (const check of checks) out.field('verify', check.title)
      if (undo.verify === 'inverse') out.field('verify', "the step's own check no longer holds")
      if (undo.loses !== undefined)
        out.field('loses', yellow(`${cleanLine(undo.loses, look).replace(/\.$/, '')}${age}`))
    }
  }
  const kept = plan.steps.filter(
    (step) => step.rollback.kind === 'keep' && state.steps.get(step.id)?.status === 'done',
  )
  if (kept.length > 0) {
    out.line()
    out.field('kept', kept.map((step) => step.id).join(', '))
  }
  return out.text()
}
