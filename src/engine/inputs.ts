/** What a plan may know of its inputs before anything runs. */
import { inputValue } from '../core/inputs.ts'
import type { PlanInput } from '../core/plan.ts'
import type { Environment, Input, Runbook, Value } from '../core/runbook.ts'
import { isTemplateError, resolve } from '../core/templates.ts'
import {
  describeSource,
  howToGive,
  missingInput,
  needsOf,
  readSource,
  refuseUnknown,
  sourceOf,
  wrongInputs,
} from './input-sources.ts'
import { missingAtTheRun } from './whence.ts'

export interface PlanInputsOptions {
  /** Absolute; relative paths are under it. */
  root: string
  /** From `--var`. */
  vars?: Record<string, string>
  env?: NodeJS.ProcessEnv
  /** What a person should know although it stops nothing. */
  warn?: (text: string) => void
}

/**
 * Every input as a plan knows it. What is not secret and can be known is frozen here; commands are
 * not run and secrets are not read. Throws exit 2 with all that is missing or wrong; the secrets that
 * are missing alone are no error of a plan, but told with the rest they spare a second try.
 */
export function planInputs(
  runbook: Pick<Runbook, 'runbook' | 'inputs'>,
  environment: Environment,
  options: PlanInputsOptions,
): Record<string, PlanInput> {
  refuseUnknown(Object.keys(runbook.inputs), options.vars ?? {})
  const made = Object.entries(runbook.inputs).map(
    ([name, input]) => [name, planInput(name, input, environment, options)] as const,
  )
  const problems = made.flatMap(([, one]) => ('problem' in one ? [one.problem] : []))
  const planned = Object.fromEntries(
    made.flatMap(([name, one]) => ('problem' in one ? [] : [[name, one] as const])),
  )
  if (problems.length > 0)
    throw wrongInputs(
      [...problems, ...missingAtTheRun(planned, environment, options)],
      howToGive(runbook.runbook, environment),
    )
  return planned
}

type Planned = PlanInput | { problem: string }

function planInput(
  name: string,
  input: Input,
  environment: Environment,
  { root, vars = {}, env = process.env, warn }: PlanInputsOptions,
): Planned {
  const { type, secret } = input
  const source = sourceOf(name, input, environment, vars)
  const from = describeSource(source, environment)
  const asSecret: PlanInput = { kind: 'secret', type, from, declared: input }
  const late: PlanInput = { kind: 'late', type, secret, from, declared: input }
  switch (source.kind) {
    case 'command':
      return late
    case 'random':
      if (environment.protected)
        return {
          problem: `input ${name} cannot be made at random in ${environment.name}, which is protected`,
        }
      return secret ? asSecret : late
    case 'literal':
    case 'default': {
      if (needsOf(source.value).services.length > 0) return { ...late, template: source.value }
      const known = filledIn(name, input, source.value)
      return secret && !('problem' in known) ? asSecret : known
    }
    case 'none':
      return secret ? asSecret : { problem: missingInput(name, input, environment) }
    case 'var':
    case 'env':
    case 'file': {
      if (secret) {
        if (source.kind === 'var')
          warn?.(
            `--var ${name} shows a secret to all who can list processes; a variable or a file does not`,
          )
        return asSecret
      }
      const read = readSource(name, input, source, { root, env })
      return 'problem' in read ? read : frozen(name, input, read.text)
    }
  }
}

function filledIn(name: string, input: Input, template: Value): Planned {
  try {
    return frozen(name, input, resolve(template, {}))
  } catch (error) {
    if (isTemplateError(error)) return { problem: `input ${name}: ${error.message}` }
    throw error
  }
}

function frozen(name: string, input: Input, raw: unknown): Planned {
  const checked = inputValue(name, input, raw)
  if ('problem' in checked) return { problem: `input ${checked.problem}` }
  return { kind: 'value', type: input.type, value: checked.value }
}
