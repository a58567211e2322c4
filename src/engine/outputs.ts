/** The parts of a result that a step names, kept in the journal; secret ones sealed. */
import { EXIT, failure } from '../core/errors.ts'
import type { Outputs, Sealed } from '../core/events.ts'
import { evaluate, type Scope } from '../core/expressions.ts'
import { keepOutputs } from '../core/hosts.ts'
import type { Plan } from '../core/plan.ts'
import type { Step } from '../core/runbook.ts'
import { isSealed, seal, unseal } from '../core/secrets.ts'
import type { RunState } from '../core/state.ts'
import { VERBS } from '../core/verbs.ts'
import { secretText, type Judged } from './attempt.ts'
import type { Bound } from './runtime.ts'

/** Outputs in clear and as they go into the journal, or the reason why one could not be had. */
export type Taken = { clear: Record<string, unknown>; kept: Outputs } | { problem: string }

/** Takes a step's outputs from a result. Registers secret ones before anybody can show them. */
export function takeOutputs(bound: Bound, step: Step, judged: Judged, scope: Scope): Taken {
  const { fields } = judged.outcome
  const clear: Record<string, unknown> = {}
  const kept: Outputs = {}
  const { outputs = [] } = step.act === undefined ? {} : VERBS[step.act.action.verb]
  for (const name of outputs) {
    if (name in fields) kept[name] = clear[name] = fields[name]
  }
  for (const [name, { value, secret }] of Object.entries(step.outputs)) {
    const found = evaluate(value.source, { ...scope, ...fields })
    if (!found.ok)
      return { problem: `output ${name} (${value.source}, ${value.at}): ${found.message}` }
    clear[name] = found.value
    if (!secret) kept[name] = found.value
    else {
      bound.masker.add(name, secretText(found.value))
      kept[name] = { sealed: seal(bound.key(), JSON.stringify(found.value)) } satisfies Sealed
    }
  }
  return { clear, kept }
}

/**
 * All outputs of a run in clear, from its journal. Throws exit 9 when a secret one cannot be opened
 * with the key that is here.
 */
export function openOutputs(
  bound: Bound,
  plan: Plan,
  state: RunState,
): Record<string, Record<string, unknown>> {
  const all: Record<string, Record<string, unknown>> = {}
  for (const step of plan.steps) {
    const known = state.steps.get(step.id)
    if (known === undefined) continue
    const outputs = Object.entries(known.outputs).map(
      ([name, value]) => [name, open(bound, step.id, name, value)] as const,
    )
    keepOutputs(all, step, Object.fromEntries(outputs))
  }
  return all
}

function open(bound: Bound, step: string, name: string, value: unknown): unknown {
  if (!isSealed(value)) return value
  let text: string
  try {
    text = unseal(bound.key(), value.sealed)
  } catch (cause) {
    throw failure(
      EXIT.refused,
      `the secret output ${name} of step "${step}" cannot be opened with the key on this machine`,
      {
        hint: 'set RUNBOOK_KEY to the key of the machine that deployed (its .runbook/key)',
        cause,
      },
    )
  }
  const clear = JSON.parse(text) as unknown
  bound.masker.add(name, typeof clear === 'string' ? clear : text)
  return clear
}
