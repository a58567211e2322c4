/** `runbook verify`: every check that can be asked without changing anything, now. No run, no lock. */
import type { Asked } from '../core/events.ts'
import { evaluate } from '../core/expressions.ts'
import { stepsNamed } from '../core/hosts.ts'
import type { Plan } from '../core/plan.ts'
import { stepsReadIn } from '../core/references.ts'
import type { Check, Step } from '../core/runbook.ts'
import { needsPerson } from '../core/signing.ts'
import { momentary } from '../core/soak.ts'
import { askChecks } from './ask.ts'
import { askingOutsideARun } from './outside.ts'
import { openOutputs } from './outputs.ts'
import { scopeOf, type Bound, type Runtime } from './runtime.ts'
import { findRun, type Session } from './session.ts'
import { demandGoingOn } from './stop.ts'

/** What one step's checks answer now. `left_out` says why they were not asked. */
export interface VerifiedStep {
  id: string
  title: string
  phase: string
  refs: string[]
  checks: Asked[]
  left_out?: string
}

export interface Verification {
  runbook: string
  environment: string
  /** The run whose outputs the checks were given, if there is one. */
  outputs_from?: string
  steps: VerifiedStep[]
  holds: boolean
}

/** Asks each step's checks once. Outputs that they need come from the newest run that succeeded here. */
export async function verifyNow(
  session: Session,
  bound: Bound,
  ask: Runtime['ask'],
  asked: (step: VerifiedStep) => void,
): Promise<Verification> {
  const { plan } = bound
  const here = { run: plan.runbook, environment: plan.environment.name }
  const good =
    (await session.store.runs({ runbook: here.run, environment: here.environment, limit: 1 }))
      .length === 0
      ? undefined
      : await findRun(session.store, here, (run) => run.state.status === 'succeeded')
  const outputs = good === undefined ? {} : openOutputs(bound, good.plan, good.state)
  const steps: VerifiedStep[] = []
  for (const step of plan.steps) {
    const one = await verifyStep(bound, step, ask, outputs)
    demandGoingOn(bound.stop)
    if (one === undefined) continue
    steps.push(one)
    asked(one)
  }
  const holds = steps.every((s) => s.checks.every((c) => c.answer === 'holds'))
  return {
    runbook: plan.runbook,
    environment: plan.environment.name,
    ...(good !== undefined && { outputs_from: good.state.run }),
    steps,
    holds,
  }
}

async function verifyStep(
  bound: Bound,
  step: Step,
  ask: Runtime['ask'],
  outputs: Runtime['outputs'],
): Promise<VerifiedStep | undefined> {
  if (step.verify.length === 0) return undefined
  const { id, title, phase, refs } = step
  const not = (left_out: string): VerifiedStep => ({ id, title, phase, refs, checks: [], left_out })
  // A step that does not run here has no effect to be looked for.
  if (step.when !== undefined) {
    const { source } = step.when
    const when = evaluate(source, scopeOf(bound, { outputs, host: step.on?.host }))
    if (!when.ok) return not(`when ${source}: ${when.message}`)
    if (when.value !== true) return not(`when ${source} is false`)
  }
  const checks = momentary(step.verify)
  const soaks = step.verify.length - checks.length
  if (checks.length === 0) return not('a soak is watched only in a run')
  if (needsPerson({ verify: step.verify })) return not('a person answers it')
  const missing =
    missingOutput(bound.plan, checks, outputs) ??
    (/\brun\.id\b/.test(JSON.stringify(checks)) ? 'run.id' : undefined)
  if (missing !== undefined) return not(`it needs ${missing}, which only a run has`)
  const asking = askingOutsideARun(bound, ask, `verify-${id}`, outputs, step)
  const { answered } = await askChecks(bound, checks, asking, true)
  const left = soaks > 0 && { left_out: 'its soak is watched only in a run' }
  return { id, title, phase, refs, checks: answered.map((a) => a.asked), ...left }
}

/** The first output of an earlier step that a check reads and nobody recorded. */
function missingOutput(
  plan: Plan,
  checks: readonly Check[],
  outputs: Runtime['outputs'],
): string | undefined {
  const text = JSON.stringify(checks)
  for (const [, id = '', name = ''] of text.matchAll(
    /\bsteps\.([a-z][a-z0-9_]*)\.([a-z][a-z0-9_]*)/g,
  )) {
    if (plan.steps.some((s) => s.id === id) && outputs[id]?.[name] === undefined)
      return `steps.${id}.${name}`
  }
  for (const { on } of [...stepsReadIn(checks)].flatMap((id) => stepsNamed(plan.steps, id)))
    if (on !== undefined && outputs[on.step]?.[on.host.name] === undefined)
      return `steps.${on.step}["${on.host.name}"]`
  return undefined
}
