/** Whether another environment has proven what is to be deployed here (`environments.<env>.after`). */
import { formatDuration, milliseconds } from './durations.ts'
import { EXIT, failure, type RunbookError } from './errors.ts'
import type { Plan } from './plan.ts'
import type { RunState } from './state.ts'
import { textOf } from './templates.ts'
import { isFinished } from './undo.ts'
import { msLeft } from './waiting.ts'

/** What is known of the newest run in the other environment. */
export interface Before {
  plan: Plan
  state: RunState
}

/** A value as it can be compared: secrets, and what a command gives, by their fingerprint alone. */
export type Comparable = { value: string } | { fingerprint: string } | { unknown: string }

export interface Compared {
  name: string
  here: Comparable
  there: Comparable
}

export type Proof =
  | { held: true; environment: string; run: string; says: string }
  | {
      held: false
      environment: string
      run?: string
      /** One sentence, without its full stop. */
      says: string
      exit: typeof EXIT.precondition | typeof EXIT.refused
      /** The one next command. */
      next: string
      /** An input could not be compared, so nobody knows. */
      unknown?: true
      /** Only time is missing: it holds from then on, UTC, if nothing else happens. */
      until?: string
    }

/** Judges by the newest run there: whatever came before it, that is how things stand in it now. */
export function judgeProof(
  plan: Plan,
  at_least: string,
  before: Before | undefined,
  compared: readonly Compared[],
  now_ms: number,
): Proof {
  const environment = plan.environment.after?.environment ?? ''
  const deploy = `runbook deploy ${plan.runbook} --env ${environment}`
  const refused = (says: string, next: string) =>
    ({ held: false, environment, says, next, exit: EXIT.precondition }) as const
  if (before === undefined)
    return refused(`${plan.runbook} was never deployed to ${environment}`, deploy)
  const { state } = before
  const { run } = state
  const which = `run ${run}, the newest in ${environment},`
  const no = (says: string, next: string) => ({ ...refused(says, next), run })
  const how = state.status.replaceAll('_', ' ')
  if (!isFinished(before.plan, state))
    return no(`${which} is unfinished: it is ${how}`, `runbook status ${run}`)
  if (state.status !== 'succeeded') return no(`${which} did not succeed: it is ${how}`, deploy)
  if (state.partial) return no(`${which} was of a part of the runbook only`, deploy)
  const unknown = compared.flatMap(({ name, here, there }) =>
    [here, there].flatMap((side) => ('unknown' in side ? `${name}: ${side.unknown}` : [])),
  )
  if (unknown.length > 0)
    return {
      ...no(`${which} cannot be compared: ${unknown.join('; ')}`, `runbook status ${run}`),
      unknown: true,
    }
  const other = compared.filter(({ here, there }) => shown(here) !== shown(there))
  if (other.length > 0) {
    const what = other.map(
      ({ name, here, there }) => `${name} was ${shown(there)} there and is ${shown(here)} here`,
    )
    return { ...no(`${which} had other inputs: ${what.join('; ')}`, deploy), exit: EXIT.refused }
  }
  const ended = state.finished_at ?? state.updated_at
  // Not from its end: a clock may have been set back before it came.
  const until = new Date(Date.parse(state.latest_at) + milliseconds(at_least)).toISOString()
  const left = msLeft(until, now_ms)
  if (left > 0) {
    const again = `runbook deploy ${plan.runbook} --env ${plan.environment.name}`
    const says = `${which} ended at ${ended}, and ${at_least} must have passed since: ${formatDuration(left)} left, until ${until}`
    return { ...no(says, `${again}, from then on; --wait stays until then`), until }
  }
  const same = compared.map(({ name }) => name).join(', ')
  const says = `${which} succeeded at ${ended}${same === '' ? '' : ` with the same ${same}`}`
  return { held: true, environment, run, says }
}

function shown(side: Comparable): string {
  if ('value' in side) return JSON.stringify(side.value)
  return 'fingerprint' in side ? `fingerprint ${side.fingerprint.slice(0, 12)}` : side.unknown
}

/** The error of a proof that does not hold; exit 9 when it does not fit, else 6. Nothing was touched. */
export function notProven(plan: Plan, proof: Proof & { held: false }): RunbookError {
  const { name } = plan.environment
  return failure(
    proof.exit,
    `${name} comes after ${proof.environment}, and that does not hold: ${proof.says}; nothing was touched`,
    { hint: `next: ${proof.next}` },
  )
}

/** The value of an input that a plan has frozen; undefined for one that is bound when it runs. */
export function frozen(plan: Plan, name: string): string | undefined {
  const input = plan.inputs[name]
  return input?.kind === 'value' ? textOf(input.value) : undefined
}
