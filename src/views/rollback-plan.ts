/** `runbook rollback --dry-run`: what would be undone, in order, and what that loses. */
import { formatDuration } from '../core/durations.ts'
import { actionInRun } from '../core/in-short.ts'
import { lastResorts } from '../core/last-resort.ts'
import type { Plan } from '../core/plan.ts'
import type { Action } from '../core/runbook.ts'
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
  for (const { step, undos, covers } of steps) {
    const started = state.steps.get(step.id)?.started_at
    const age = started === undefined ? '' : `, ${formatDuration(now - Date.parse(started))} old`
    out.line()
    const title = step.title === step.id ? '' : `  ${step.title}`
    out.heading(`${step.id}${title}`)
    const loss = (loses: string) => cleanLine(loses, look).replace(/\.$/, '')
    const resorts = lastResorts(step)
    const inShort = (action: Action) => actionInRun(action, plan, state, step)
    const taken = resorts.some((resort) => undos.some(({ undo }) => undo === resort))
    for (const { undo } of undos) {
      out.field('undo', `${inShort(undo.action)}${taken ? ' (last resort)' : ''}`)
      const checks = undo.verify === 'inverse' ? [] : undo.verify
      for (const check of checks) out.field('verify', check.title)
      if (undo.verify === 'inverse') out.field('verify', "the step's own check no longer holds")
      if (undo.loses !== undefined) out.field('loses', yellow(`${loss(undo.loses)}${age}`))
    }
    if (covers.length > 0) out.field('covers', covers.map(({ id }) => id).join(', '))
    if (taken || resorts.length === 0) continue
    for (const { action, loses = '' } of resorts)
      out.field('by name', `${inShort(action)} (last resort); loses: ${loss(loses)}${age}`)
    out.field('', `runbook rollback ${state.run} --last-resort ${step.id}`)
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
