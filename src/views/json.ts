/** `-o json`: one object at the end. */
import { EXIT, STOPPED_BY } from '../core/errors.ts'
import type { RunStatus } from '../core/events.ts'
import type { Plan } from '../core/plan.ts'
import { failureOfStep, type RunState, type StepStatus } from '../core/state.ts'
import type { View } from '../core/view.ts'
import type { Outlet } from '../lib/outlet.ts'
import { signatures, type SignatureSummary } from './signatures.ts'

export interface StepSummary {
  id: string
  /** The host that a step on hosts ran on; `id` is then `step@host`. */
  host?: string
  phase: string
  status: StepStatus
  attempts: number
  duration_ms: number | null
  reason: string | null
  /** While it waits for a time: when that is, UTC. */
  until: string | null
  /** While it waits for people: the roles that have yet to sign. */
  roles: string[]
  refs: string[]
}

export interface RunSummary {
  run: string
  runbook: string
  environment: string
  status: RunStatus
  /** Null while the run is going on. */
  exit_code: number | null
  plan_sha256: string
  partial: boolean
  /** The run in another environment that it builds on. */
  builds_on: string | null
  signatures: SignatureSummary[]
  steps: StepSummary[]
}

/** Null is what only a run has, where there is none. */
export type NothingToDo = {
  [key in keyof RunSummary]: RunSummary[key] | (key extends 'status' ? 'nothing_to_do' : null)
}

/** What `-o json` prints of a run: the shape is a contract. */
export function summary(state: RunState, plan: Plan): RunSummary {
  return {
    ...headline(state),
    steps: [...plan.steps, ...plan.finally].map(({ id, on, phase, refs }) => {
      const step = state.steps.get(id)
      return {
        id,
        phase,
        status: step?.status ?? 'pending',
        attempts: step?.attempts ?? 0,
        duration_ms: step?.duration_ms ?? null,
        reason: (step && failureOfStep(step)?.message) ?? step?.reason ?? null,
        until: step?.until ?? null,
        roles: step?.roles ?? [],
        refs,
        ...(on !== undefined && { host: on.host.name }),
      }
    }),
  }
}

/** The same without steps: an entry of `history -o json`. */
export function headline(state: RunState): Omit<RunSummary, 'steps'> {
  return {
    run: state.run,
    runbook: state.runbook,
    environment: state.environment,
    status: state.status,
    exit_code: state.exit_code ?? exitOf(state),
    plan_sha256: state.plan_sha256,
    partial: state.partial,
    builds_on: state.builds_on ?? null,
    signatures: signatures(state),
  }
}

/** With what the process ended that left a run behind which has no end of its own. */
function exitOf({ status, reason = '' }: RunState): number | null {
  if (status === 'waiting') return EXIT.waiting
  // The reason of a pause is the signal that asked for it.
  if (status === 'paused')
    return new Map(Object.entries(STOPPED_BY)).get(reason) ?? EXIT.interrupted
  return status === 'in_doubt' ? EXIT.in_doubt : null
}

/** What `-o json` prints where there is nothing to do: the same, with what is known of it. */
export function nothingToDo(known: Partial<RunSummary> = {}): NothingToDo {
  const { run = null, runbook = null, environment = null, plan_sha256 = null } = known
  const { partial = false, builds_on = null, signatures = [], steps = [] } = known
  const ends = { status: 'nothing_to_do', exit_code: EXIT.ok } as const
  const rest = { plan_sha256, partial, builds_on, signatures, steps }
  return { run, runbook, environment, ...ends, ...rest }
}

/** Signs that would act on a terminal or break a line; in a JSON string they can be escaped. */
const UNSAFE = /[\u007f-\u009f\p{Bidi_Control}\p{Zl}\p{Zp}\ufeff]/gu

/** JSON on one line (or indented), with integers of any size and nothing that acts on a terminal. */
export function jsonText(value: unknown, indent = 0): string {
  const text = JSON.stringify(
    value,
    (_key, v: unknown) => (typeof v === 'bigint' ? plainInteger(v) : v),
    indent,
  )
  return text.replace(UNSAFE, (c) => `\\u${(c.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`)
}

function plainInteger(value: bigint): number | string {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : String(value)
}

/** Prints the summary on `out` when the run ends; everything else is shown by `beside`. */
export function jsonView(out: Outlet, beside: View): View {
  let plan: Plan | undefined
  return {
    ...beside,
    start(newPlan, state, verb) {
      plan = newPlan
      beside.start(newPlan, state, verb)
    },
    async end(state) {
      await beside.end(state)
      if (plan !== undefined) out.write(`${jsonText(summary(state, plan), 2)}\n`)
    },
  }
}
