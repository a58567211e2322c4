/** Everything a step needs while a run is driven, opened once per command. */
import { join } from 'node:path'
import type { Actor, RunStatus } from '../core/events.ts'
import type { Plan } from '../core/plan.ts'
import type { Scope } from '../core/expressions.ts'
import type { Masker } from '../core/secrets.ts'
import type { Host, Step } from '../core/runbook.ts'
import { isTemplateError, resolve } from '../core/templates.ts'
import type { View } from '../core/view.ts'
import type { PersonsAnswer, Question } from '../actions/action.ts'
import type { Recorder } from './recorder.ts'
import type { Stop } from './stop.ts'

/** What a plan was bound to for this command: values, services, secrets. */
export interface Bound {
  root: string
  /** `.runbook` under the root. */
  folder: string
  plan: Plan
  inputs: Record<string, unknown>
  secrets: Map<string, string>
  /** Variables of the operator's environment that secrets came from. */
  withheld: string[]
  services: Record<string, unknown>
  /** Says that a run is driven with these services now: they stay up for what we may leave. */
  driven?: () => void
  masker: Masker
  /** Made on first need; asking for it may throw exit 9. */
  key: () => Buffer
  actor: Actor
  stop: Stop
}

/** Why a run goes no further. */
export type Halt =
  | { kind: 'failed'; step: Step; then: 'stop' | 'undo' | 'rollback' }
  | { kind: 'paused' }
  | { kind: 'in_doubt'; step: Step; reason: string }
  | { kind: 'waiting'; step: Step; reason: string }
  | { kind: 'needs_retry'; step: Step }
  | { kind: 'precondition'; step: Step; message: string }
  | { kind: 'undo_failed'; step: Step }
  /** The journal cannot be written, or our own fault: nothing more may start. */
  | { kind: 'broken'; error: unknown }

export interface Runtime extends Bound {
  run: string
  view: View
  journal: Recorder
  /** Outputs by step, secret ones in clear, for expressions. */
  outputs: Record<string, Record<string, unknown>>
  /** Failed `once` steps that a person said may run again. */
  retry: Set<string>
  /** Steps that are to run; the others are skipped. */
  selected: ReadonlySet<string>
  /** The process that drove this run before died, or was stopped, before it came to its end. */
  crashed: boolean
  halt: Halt | undefined
  /** Phases with steps side by side of which some wait: the phases after them do not start. */
  waiting: Set<string>
  /** Stays when the run waits for a time, and goes on by itself. */
  attached: boolean
  /** How the run ends, while the steps of `finally` run: what `run.status` is for them. */
  ending?: RunStatus | undefined
  ask: (question: Question) => Promise<PersonsAnswer>
}

/** Sets the reason to stop; the first one stands. */
export function halt(rt: Runtime, reason: Halt): void {
  rt.halt ??= reason
}

/** What expressions and templates see, besides the fields of a result. */
export function scopeOf(
  bound: Bound,
  more: {
    run?: string
    status?: string
    outputs?: Record<string, Record<string, unknown>>
    params?: Record<string, unknown>
    host?: Host | undefined
  } = {},
): Scope {
  const { plan } = bound
  const { name, protected: guarded } = plan.environment
  const scope = {
    inputs: bound.inputs,
    steps: more.outputs ?? {},
    environment: { name, protected: guarded },
    run: {
      id: more.run ?? '',
      runbook: plan.runbook,
      environment: name,
      status: more.status ?? 'running',
      by: bound.actor.user,
    },
    host: {},
    services: bound.services,
    now: new Date(),
    ...(more.params !== undefined && { params: more.params }),
  }
  return more.host === undefined ? scope : { ...scope, host: hostFacts(more.host, scope) }
}

/** A host as expressions see it. What cannot be known of it is missing there. */
function hostFacts({ name, facts }: Host, scope: Scope): Record<string, unknown> {
  const known: Record<string, unknown> = { name }
  for (const [key, value] of Object.entries(facts)) {
    try {
      known[key] = resolve(value, scope)
    } catch (error) {
      if (!isTemplateError(error)) throw error
    }
  }
  return known
}

/** In place of a run's id, for checks that belong to none. */
export const OUTSIDE = 'outside'

/** Where an attempt keeps its output and receipt. */
export function attemptFolder(bound: Bound, run: string, step: string, name: string): string {
  return join(bound.folder, 'runs', run, step, name)
}
