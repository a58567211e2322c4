/** From a runbook to a plan: resolved against one environment, for all of its steps or a part. */
import { parseDuration } from './durations.ts'
import { EXIT, failure } from './errors.ts'
import type { Selection } from './events.ts'
import type { Plan, PlanInput } from './plan.ts'
import { didYouMean } from './problems.ts'
import { eachHost, idInRunbook, stepsNamed } from './hosts.ts'
import { stepsReadIn } from './references.ts'
import type { Environment, OnFailure, Phase, Runbook, Step } from './runbook.ts'
import { isTemplateError, resolve, textOf } from './templates.ts'

/**
 * Makes the plan. `given` holds every input as the environment and the command line give it. Exit 2:
 * an unknown environment, an unknown step or phase in the selection, a selected step that reads from
 * one that is left out, or `skip` where the environment is protected.
 */
export function compile(
  runbook: Runbook,
  environmentName: string,
  given: Record<string, PlanInput>,
  selection?: Selection,
): Plan {
  const environment = environmentOf(runbook, environmentName)
  const settled = (step: Step): Step[] =>
    eachHost(
      { ...step, on_failure: runbook.on_failure[step.id] ?? environment.on_failure ?? 'stop' },
      environment,
    ).map((one) => ({ ...one, ...estimateOf(one, given) }))
  const steps = runbook.steps.flatMap(settled)
  const known = new Map(Object.entries(Object.groupBy(steps, idInRunbook)))
  const phases = runbook.phases.map((phase) => ({
    ...phase,
    steps: phase.steps.flatMap((id) => (known.get(id) ?? []).map((step) => step.id)),
  }))
  const asked = isPart(selection) ? selection : undefined
  if (asked !== undefined) checkSelection({ ...runbook, phases, steps }, environment, asked)
  return {
    format: 1,
    runbook: runbook.runbook,
    title: runbook.title,
    version: runbook.version,
    file: runbook.file,
    environment,
    inputs: given,
    requires: runbook.requires,
    scopes: runbook.scopes,
    contacts: runbook.contacts,
    phases,
    steps,
    finally: runbook.finally.flatMap(settled),
    ...(asked === undefined ? {} : { selection: asked }),
    files: runbook.files,
  }
}

/** The same plan with one word, given on the command line, for what any failing step leads to. */
export function withOnFailure(plan: Plan, word: OnFailure | undefined): Plan {
  if (word === undefined) return plan
  return { ...plan, steps: plan.steps.map((step) => ({ ...step, on_failure: word })) }
}

/** The ids of the steps that the plan is to run; those of `finally` are always among them. */
export function selectedSteps(plan: Plan): Set<string> {
  const chosen = choose(plan.phases, plan.steps, plan.selection)
  return new Set([...chosen, ...plan.finally.map(({ id }) => id)])
}

/** A step that says nothing takes as long as it watches. */
function estimateOf(step: Step, given: Record<string, PlanInput>): { estimate_s?: number } {
  if (step.estimate_s !== undefined) return {}
  const inputs = Object.fromEntries(
    Object.entries(given).flatMap(([name, input]) =>
      input.kind === 'value' ? [[name, input.value]] : [],
    ),
  )
  const times = step.verify.flatMap(({ action }) =>
    action.verb === 'soak' && action.for !== undefined ? [timeOf(action.for, inputs)] : [],
  )
  if (times.length === 0 || times.includes(undefined)) return {}
  return { estimate_s: times.reduce<number>((sum, ms) => sum + (ms ?? 0), 0) / 1000 }
}

/** Undefined when it hangs on what is known only later. */
function timeOf(duration: string, inputs: Record<string, unknown>): number | undefined {
  try {
    return parseDuration(textOf(resolve(duration, { inputs })))
  } catch (error) {
    if (isTemplateError(error)) return undefined
    throw error
  }
}

function environmentOf(runbook: Runbook, name: string): Environment {
  const environments = Object.keys(runbook.environments)
  const environment = environments.includes(name) ? runbook.environments[name] : undefined
  if (environment !== undefined) return environment
  const hint = didYouMean(name, environments) ?? `it has: ${environments.join(', ')}`
  throw failure(EXIT.usage, `${runbook.runbook} has no environment "${name}"`, { hint })
}

function isPart(selection: Selection | undefined): selection is Selection {
  if (selection === undefined) return false
  const { only = [], skip = [], from, to } = selection
  return only.length > 0 || skip.length > 0 || from !== undefined || to !== undefined
}

function checkSelection(runbook: Runbook, environment: Environment, selection: Selection): void {
  if (environment.protected && (selection.skip ?? []).length > 0) {
    const hint = 'deploy without --skip; a step that may be left out says so with "when"'
    throw failure(EXIT.usage, `steps of ${environment.name} cannot be skipped: it is protected`, {
      hint,
    })
  }
  const ids = runbook.steps.flatMap((step) => [idInRunbook(step), step.id])
  const known = [...new Set([...runbook.phases.map(({ id }) => id), ...ids])]
  const options = {
    only: selection.only ?? [],
    skip: selection.skip ?? [],
    from: selection.from === undefined ? [] : [selection.from],
    to: selection.to === undefined ? [] : [selection.to],
  }
  for (const [option, ids] of Object.entries(options)) {
    for (const id of ids) {
      if (known.includes(id)) continue
      const hint = didYouMean(id, known) ?? `runbook show ${runbook.runbook} lists them`
      throw failure(EXIT.usage, `--${option} ${id}: no step or phase is called so`, { hint })
    }
  }
  const chosen = choose(runbook.phases, runbook.steps, selection)
  if (chosen.size === 0) {
    throw failure(EXIT.usage, 'nothing is left to run: no step is in the part that was asked for')
  }
  const selected = runbook.steps.filter(({ id }) => chosen.has(id))
  const there = new Set([...selected, ...runbook.finally].map(idInRunbook))
  for (const step of [...selected, ...runbook.finally]) {
    for (const id of stepsReadIn(step)) {
      if (there.has(id)) continue
      throw failure(
        EXIT.usage,
        `step ${step.id} reads an output of step ${id}, which is left out`,
        {
          hint: `take ${id} in too, or leave ${step.id} out`,
        },
      )
    }
  }
}

function choose(phases: Phase[], steps: Step[], selection: Selection = {}): Set<string> {
  const members = (id: string): string[] =>
    phases.find((phase) => phase.id === id)?.steps ?? stepsNamed(steps, id).map((step) => step.id)
  const order = steps.map(({ id }) => id)
  const { only = [], skip = [], from, to } = selection
  const first = from === undefined ? 0 : Math.min(...members(from).map((id) => order.indexOf(id)))
  const last =
    to === undefined ? order.length : Math.max(...members(to).map((id) => order.indexOf(id)))
  const wanted = new Set(only.length === 0 ? order : only.flatMap(members))
  const unwanted = new Set(skip.flatMap(members))
  return new Set(
    order.filter((id, i) => i >= first && i <= last && wanted.has(id) && !unwanted.has(id)),
  )
}
