/**
 * A step on hosts is, in a plan, one step for each of them: the same content, but a state, outputs and
 * an undo of its own. All that drives, folds and undoes steps needs to know nothing more of hosts.
 */
import { EXIT, failure } from './errors.ts'
import type { Action, Environment, Step } from './runbook.ts'

/** The step itself, or one for each host of its group. Throws exit 2 when there is no such group. */
export function eachHost(step: Step, environment: Environment): Step[] {
  if (step.hosts === undefined) return [step]
  const { group } = step.hosts
  const { hosts: groups = {} } = environment
  const hosts = Object.hasOwn(groups, group) ? groups[group] : undefined
  if (hosts === undefined)
    throw failure(EXIT.usage, `${environment.name} has no hosts "${group}", which ${step.id} needs`)
  const { id, title, estimate_s } = step
  return hosts.map((host) => ({
    ...step,
    id: `${id}@${host.name}`,
    title: `${title} on ${host.name}`,
    on: { step: id, title, host },
    ...(estimate_s !== undefined && { estimate_s: estimate_s / hosts.length }),
  }))
}

/** Whether what the step runs is run on another machine. */
export function isElsewhere(step: Pick<Step, 'on'> | undefined): boolean {
  return step?.on?.host.facts.ssh !== undefined
}

/** Whether an action of a step is done on another machine: a process is, what else there is goes from here. */
export function runsElsewhere(
  step: Pick<Step, 'on'> | undefined,
  action: Action | undefined,
): boolean {
  return action?.verb === 'run' && isElsewhere(step)
}

/** The id that the runbook gives to a step. */
export function idInRunbook(step: { id: string; on?: { step: string } | undefined }): string {
  return step.on?.step ?? step.id
}

/** The host in the id of a step of a plan. */
export function hostIn(id: string): string | undefined {
  const at = id.indexOf('@')
  return at < 0 ? undefined : id.slice(at + 1)
}

/** The steps that a word of a command means: `switch` those of all its hosts, `switch@b1` one. */
export function stepsNamed<S extends { id: string; on?: { step: string } }>(
  steps: readonly S[],
  word: string,
): S[] {
  return steps.filter((step) => step.id === word || step.on?.step === word)
}

/** Steps with those that are one step in the runbook side by side in a list. */
export function byStep(steps: readonly Step[]): [Step, ...Step[]][] {
  const lists = new Map<string, [Step, ...Step[]]>()
  for (const step of steps) {
    const known = lists.get(idInRunbook(step))
    if (known === undefined) lists.set(idInRunbook(step), [step])
    else known.push(step)
  }
  return [...lists.values()]
}

/** In parts of so many, the last one maybe shorter. */
export function batches<T>(list: readonly T[], size: number): T[][] {
  const parts: T[][] = []
  for (let from = 0; from < list.length; from += size) parts.push(list.slice(from, from + size))
  return parts
}

/** Keeps a step's outputs as expressions read them: `steps.id.name`, on hosts `steps.id[host].name`. */
export function keepOutputs(
  all: Record<string, Record<string, unknown>>,
  { id, on }: Pick<Step, 'id' | 'on'>,
  outputs: Record<string, unknown>,
): void {
  if (on === undefined) all[id] = outputs
  else (all[on.step] ??= {})[on.host.name] = outputs
}
