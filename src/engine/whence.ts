/** Where each input of a runbook comes from in one environment, and which of them are not there. */
import type { PlanInput } from '../core/plan.ts'
import type { Environment, Input, Value } from '../core/runbook.ts'
import { describeSource, missingInput, readSource, sourceOf, type Read } from './input-sources.ts'

export interface Whence {
  input: string
  type: Input['type']
  secret: boolean
  /** In words: `the variable DATABASE_URL`. */
  from: string
  /** What is written in the runbook, where that is no secret. */
  value?: Value
  /** There when it cannot be had now: why, and how it could be given. */
  missing?: string
}

interface Options {
  /** Absolute; relative paths are under it. */
  root: string
  /** From `--var`. */
  vars?: Record<string, string>
  env?: NodeJS.ProcessEnv
}

/** Looks at the variables and files that inputs come from; runs no command, and keeps no value of them. */
export function whenceOf(
  inputs: Readonly<Record<string, Input>>,
  environment: Environment,
  { root, vars = {}, env = process.env }: Options,
): Whence[] {
  return Object.entries(inputs).map(([name, input]) => {
    const source = sourceOf(name, input, environment, vars)
    const read: Read | undefined =
      source.kind === 'env' || source.kind === 'file'
        ? readSource(name, input, source, { root, env })
        : source.kind === 'none'
          ? { problem: missingInput(name, input, environment) }
          : undefined
    const { type, secret } = input
    return {
      input: name,
      type,
      secret,
      from: describeSource(source, environment),
      ...('value' in source && !secret && { value: source.value }),
      ...(read !== undefined && 'problem' in read && { missing: read.problem }),
    }
  })
}

/** What a run would miss of the inputs that a plan does not hold itself, all of them. */
export function missingAtTheRun(
  inputs: Readonly<Record<string, PlanInput>>,
  environment: Environment,
  options: Options,
): string[] {
  const late = Object.entries(inputs).flatMap(([name, input]) =>
    input.kind === 'value' ? [] : [[name, input.declared] as const],
  )
  return whenceOf(Object.fromEntries(late), environment, options).flatMap(
    ({ missing }) => missing ?? [],
  )
}
