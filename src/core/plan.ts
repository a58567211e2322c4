/** A plan: a runbook resolved against one environment; immutable, hashed. */
import { createHash } from 'node:crypto'
import type {
  Contact,
  Environment,
  Input,
  Phase,
  Scope,
  Step,
  Check,
  Value,
  InputType,
} from './runbook.ts'
import type { Selection } from './events.ts'

/**
 * How a plan knows an input: its value; or, for a secret, only its name and where it will come from;
 * or, for what hangs on a service or a command, the template or source that is bound when it runs.
 * `declared` is what such a value must fit, also when the runbook is no longer what it was.
 */
export type PlanInput =
  | { kind: 'value'; type: InputType; value: Value }
  | { kind: 'secret'; type: InputType; from: string; declared: Input }
  | {
      kind: 'late'
      type: InputType
      secret: boolean
      from: string
      template?: Value
      declared: Input
    }

export interface Plan {
  format: 1
  runbook: string
  title: string
  version: string
  /** Path of the runbook's file, relative to the root. */
  file: string
  environment: Environment
  inputs: Record<string, PlanInput>
  requires: Check[]
  scopes: Record<string, Scope>
  contacts: Contact[]
  phases: Phase[]
  /** Every step of every phase in the order of the document, the unselected ones too. */
  steps: Step[]
  finally: Step[]
  /** What part of the runbook was asked for; left out = all of it. */
  selection?: Selection
  /** Content of every script, SQL file and check that it uses, by path relative to the root. */
  files: Record<string, string>
}

/** JSON with sorted keys: the same data is always the same text. Keys with `undefined` are left out. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((v) => canonicalJson(v ?? null)).join(',')}]`
  if (value !== null && typeof value === 'object') {
    const entries = Object.entries(value).filter(([, v]) => v !== undefined)
    entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    return `{${entries.map(([k, v]) => `${JSON.stringify(k)}:${canonicalJson(v)}`).join(',')}}`
  }
  return JSON.stringify(value)
}

/** The SHA-256 of a text, in hexadecimal. */
export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

/**
 * The text of a plan, as it is kept and hashed. Keys stay in their order: services start in the order
 * in which they are declared.
 */
export function planText(plan: Plan): string {
  return JSON.stringify(plan)
}

/** The hash by which a plan is known everywhere. */
export function planSha256(plan: Plan): string {
  return sha256(planText(plan))
}
