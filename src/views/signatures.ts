/** Who signed for what, in a run. */
import type { RunState, Signature } from '../core/state.ts'
import type { Look } from '../lib/terminal.ts'
import { dateTime } from './times.ts'

export interface SignatureSummary {
  step: string
  role: string
  user: string
  host: string
  at: string
  plan_sha256: string
  note: string | null
  confirmed: string[]
  /** Nobody signed: the environment answered by itself. */
  assumed: boolean
  /** False: the run has another plan since, or the step was undone. */
  counts: boolean
}

function counts(state: RunState, { plan_sha256, spent }: Signature): boolean {
  return plan_sha256 === state.plan_sha256 && !spent
}

/** All of them, by step. */
export function signatures(state: RunState): SignatureSummary[] {
  return [...state.steps.values()].flatMap((step) =>
    step.signatures.map((one) => ({
      step: step.id,
      role: one.role,
      user: one.by.user,
      host: one.by.host,
      at: one.at,
      plan_sha256: one.plan_sha256,
      note: one.note ?? null,
      confirmed: one.confirmed ?? [],
      assumed: one.assumed === true,
      counts: counts(state, one),
    })),
  )
}

/** The same for people, a line each. */
export function signatureLines(state: RunState, look: Look): string[] {
  return signatures(state).map(({ step, role, user, host, at, note, assumed, counts: valid }) => {
    const who = assumed ? 'nobody (assumed)' : `${user}@${host}`
    const why = note === null ? '' : `: ${note}`
    const void_ = valid ? '' : ' (counts no more)'
    return `${step}: ${role}, by ${who} at ${dateTime(at, look)}${void_}${why}`
  })
}
