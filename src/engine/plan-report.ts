/**
 * An honest plan: would run, already satisfied, skipped, or unknown until then. Nothing is executed but
 * `requires` and the checks of `skip_if_verified`, and those only read.
 */
import { selectedSteps } from '../core/compile.ts'
import { describeAsked } from '../core/asked.ts'
import type { Asked } from '../core/events.ts'
import { evaluate, references, type Scope } from '../core/expressions.ts'
import { byStep } from '../core/hosts.ts'
import { actionInShort, probesInShort } from '../core/in-short.ts'
import { lastResorts } from '../core/last-resort.ts'
import { planSha256, type Plan } from '../core/plan.ts'
import { NOT_ASKED, type PlannedStep, type PlanReport, type Would } from '../core/plan-report.ts'
import type { Check, Host, Step } from '../core/runbook.ts'
import { durationOf, hasTemplate } from '../core/templates.ts'

/** Whether anything of a plan can be asked at all: else it needs no services and no secrets. */
export function wantsAsking(plan: Plan): boolean {
  const selected = selectedSteps(plan)
  return (
    plan.requires.length > 0 ||
    plan.steps.some((s) => selected.has(s.id) && (s.requires.length > 0 || s.skip_if_verified))
  )
}

/** How a plan asks, when it asks: brought along only then, since it takes processes and a database client. */
export interface Asker {
  /** What the expressions of a step see. */
  scope: (step: Step) => Scope
  /** Asks checks once each, all of them, as the step that they belong to would. */
  ask(checks: readonly Check[], step?: Step): Promise<Asked[]>
}

/** The report; without `asker`, as with --offline, nothing is asked. */
export async function reportPlan(plan: Plan, asker: Asker | undefined): Promise<PlanReport> {
  const selected = selectedSteps(plan)
  const problems =
    (await asker?.ask(plan.requires))
      ?.filter((asked) => asked.answer !== 'holds')
      .map(describeAsked) ?? []
  problems.push(...nobodyTold(plan, selected))
  const steps: PlannedStep[] = []
  for (const own of byStep([...plan.steps, ...plan.finally])) {
    const known: Foreseen[] = []
    for (const step of own)
      known.push(
        selected.has(step.id)
          ? await foresee(plan, step, asker)
          : { would: 'skipped', reason: 'not selected' },
      )
    steps.push({
      ...facts(own, asker?.scope(own[0]) ?? offlineScope(plan, own[0])),
      ...together(own, known),
    })
  }
  const wall = steps.find(
    (s) => s.irreversible !== undefined && s.would !== 'skipped' && s.would !== 'satisfied',
  )
  return {
    plan,
    plan_sha256: planSha256(plan),
    steps,
    ...(wall !== undefined && { point_of_no_return: wall.id }),
    problems,
    asked: asker !== undefined,
  }
}

/** Steps that would tell somebody something, where this environment has no way to. */
function nobodyTold({ steps, finally: last, environment }: Plan, selected: Set<string>): string[] {
  const { name, channels = {} } = environment
  const lacking = new Set(
    [...steps, ...last].flatMap(({ id, act }) =>
      selected.has(id) && act?.action.verb === 'notify' && !(act.action.to in channels)
        ? [act.action.to]
        : [],
    ),
  )
  return [...lacking].map((to) => `${name} has no channel "${to}": nobody is told`)
}

type Foreseen = { would: Would; reason?: string }

/** What the most of it hangs on comes first. */
const WEIGHT: readonly Would[] = ['run', 'unknown', 'satisfied', 'skipped']

/** One word for a step on all its hosts; where they differ, the reason says what is so on which. */
function together(steps: readonly Step[], known: readonly Foreseen[]): Foreseen {
  const [first = { would: 'run' as const }] = known
  if (known.every((k) => k.would === first.would && k.reason === first.reason)) return first
  const would = WEIGHT.find((word) => known.some((k) => k.would === word)) ?? first.would
  const said = known.flatMap(({ would: own, reason = own }, i) =>
    own === would && reason === own ? [] : [`${steps[i]?.on?.host.name ?? ''}: ${reason}`],
  )
  return { would, reason: said.join('; ') }
}

async function foresee(plan: Plan, step: Step, asker: Asker | undefined): Promise<Foreseen> {
  const when =
    step.when === undefined ? undefined : foreseeWhen(plan, step, step.when.source, asker)
  if (when !== undefined && when.would !== 'run') return when
  if (asker === undefined)
    return step.skip_if_verified ? { would: 'unknown', reason: NOT_ASKED } : { would: 'run' }
  if (!step.skip_if_verified) return asRequired(step, asker)
  if (step.verify.some((check) => check.action.verb === 'manual'))
    return { would: 'unknown', reason: 'a person answers its check' }
  const answers = await asker.ask(step.verify, step)
  if (answers.every((asked) => asked.answer === 'holds')) return { would: 'satisfied' }
  if (answers.some((asked) => asked.answer === 'does_not_hold')) return asRequired(step, asker)
  const untold = answers.find((asked) => asked.answer === 'cannot_tell')
  return {
    would: 'unknown',
    reason: untold === undefined ? 'its check could not be asked' : describeAsked(untold),
  }
}

/** It would run; whether it could start now is worth knowing. */
async function asRequired(step: Step, asker: Asker): Promise<Foreseen> {
  const broken = (await asker.ask(step.requires, step)).find(
    (asked) => asked.answer === 'does_not_hold',
  )
  if (broken === undefined) return { would: 'run' }
  return { would: 'run', reason: `a precondition does not hold now: ${describeAsked(broken)}` }
}

/** What a condition hangs on may only be known once steps before it have run. */
function foreseeWhen(plan: Plan, step: Step, source: string, asker: Asker | undefined): Foreseen {
  const waits = references(source).filter(
    (path) => path.startsWith('steps.') || path.startsWith('services.'),
  )
  if (waits.length > 0) return { would: 'unknown', reason: `hangs on ${waits.join(', ')}` }
  const found = evaluate(source, asker?.scope(step) ?? offlineScope(plan, step))
  if (!found.ok) return { would: 'unknown', reason: `${source}: ${found.message}` }
  return found.value === true
    ? { would: 'run' }
    : { would: 'skipped', reason: `when ${source} is false` }
}

/** What is known without services and secrets. */
export function offlineScope(plan: Plan, { on }: Pick<Step, 'on'> = {}): Scope {
  const inputs = Object.fromEntries(
    Object.entries(plan.inputs).flatMap(([name, input]) =>
      input.kind === 'value' ? [[name, input.value]] : [],
    ),
  )
  const { name, protected: guarded } = plan.environment
  return {
    inputs,
    steps: {},
    services: {},
    host: on === undefined ? {} : { name: on.host.name, ...plainFacts(on.host) },
    environment: { name, protected: guarded },
    run: { runbook: plan.runbook, environment: name },
    now: new Date(),
  }
}

function plainFacts({ facts: written }: Host): Record<string, unknown> {
  const plain = ([, value]: [string, unknown]) => typeof value !== 'string' || !hasTemplate(value)
  return Object.fromEntries(Object.entries(written).filter(plain))
}

function facts(own: readonly [Step, ...Step[]], scope: Scope): Omit<PlannedStep, 'would'> {
  const [step] = own
  const { phase, refs, rollback, owner, act, hosts, after, approval = [] } = step
  const known = after && durationOf(after.at_least, scope)
  const { step: id, title } = step.on ?? { step: step.id, title: step.title }
  const estimate_s = step.estimate_s === undefined ? undefined : step.estimate_s * own.length
  const undos = rollback.kind === 'undo' ? rollback.undos : []
  const last_resort = lastResorts(step).map(({ action, loses = '', covers = [] }) => ({
    does: actionInShort(action),
    loses,
    covers,
  }))
  return {
    id,
    title,
    phase,
    refs,
    checks: step.verify.map((check) => check.title),
    watches: [...step.verify, ...(step.during === undefined ? [] : [step.during])].flatMap(
      ({ action }) => (action.verb === 'soak' ? probesInShort(action) : []),
    ),
    ...(step.during !== undefined && { during: step.during.title }),
    undo:
      rollback.kind === 'undo'
        ? undos.map(({ action }) => actionInShort(action))
        : rollback.kind === 'keep'
          ? 'keep'
          : 'none',
    loses: undos.flatMap(({ loses }) => loses ?? []),
    approval,
    ...(after !== undefined && {
      // What hangs on an output is known when the time comes.
      after: { step: after.step, at_least: typeof known === 'string' ? known : after.at_least },
    }),
    ...(act !== undefined && { does: actionInShort(act.action) }),
    ...(last_resort.length > 0 && { last_resort }),
    ...(rollback.kind === 'irreversible' && { irreversible: rollback.why }),
    ...(estimate_s !== undefined && { estimate_s }),
    ...(owner !== undefined && { owner }),
    ...(hosts !== undefined && {
      hosts: own.flatMap(({ on }) => on?.host.name ?? []),
      batch: hosts.batch,
    }),
  }
}
