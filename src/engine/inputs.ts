/** What a plan may know of its inputs before anything runs. */
import { inputValue } from '../core/inputs.ts'
import type { PlanInput } from '../core/plan.ts'
import { didYouMean } from '../core/problems.ts'
import type { Environment, Input, Runbook, Value } from '../core/runbook.ts'
import { isTemplateError, resolve } from '../core/templates.ts'
import {
  describeSource,
  missingInput,
  needsOf,
  readSource,
  refuseUnknown,
  sourceOf,
  wrongInputs,
} from './input-sources.ts'

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
 * not run and secrets are not read. Throws exit 2 with all that is missing or wrong.
 */
export function planInputs(
  runbook: Pick<Runbook, 'inputs'>,
  environment: Environment,
  options: PlanInputsOptions,
): Record<string, PlanInput> {
  const planner = new Planner(runbook.inputs, environment, options)
  for (const name of Object.keys(runbook.inputs)) planner.plan(name, [])
  if (planner.problems.size > 0) throw wrongInputs([...planner.problems])
  return Object.fromEntries(
    Object.keys(runbook.inputs).flatMap((name) => {
      const planned = planner.planned.get(name)
      return planned === undefined ? [] : [[name, planned]]
    }),
  )
}

class Planner {
  readonly planned = new Map<string, PlanInput | undefined>()
  readonly problems = new Set<string>()
  readonly #inputs: Record<string, Input>
  readonly #environment: Environment
  readonly #options: Required<PlanInputsOptions>

  constructor(inputs: Record<string, Input>, environment: Environment, options: PlanInputsOptions) {
    this.#inputs = inputs
    this.#environment = environment
    this.#options = { vars: {}, env: process.env, warn: () => {}, ...options }
    refuseUnknown(Object.keys(inputs), this.#options.vars)
  }

  /** Plans one, and those that it needs before it. `path` is who asked for it. */
  plan(name: string, path: readonly string[]): PlanInput | undefined {
    if (path.includes(name)) {
      const circle = [...path.slice(path.indexOf(name)), name]
      return this.#wrong(`the inputs ${circle.join(' → ')} need each other`)
    }
    if (this.planned.has(name)) return this.planned.get(name)
    const input = Object.hasOwn(this.#inputs, name) ? this.#inputs[name] : undefined
    if (input === undefined) {
      const near = didYouMean(name, Object.keys(this.#inputs))
      const asked = `input ${path.at(-1) ?? ''} looks at inputs.${name}, which there is not`
      return this.#wrong(near === undefined ? asked : `${asked}; ${near}`)
    }
    const made = this.#make(name, input, path)
    this.planned.set(name, made)
    return made
  }

  #make(name: string, input: Input, path: readonly string[]): PlanInput | undefined {
    const { type, secret } = input
    const source = sourceOf(name, input, this.#environment, this.#options.vars)
    const from = describeSource(source, this.#environment)
    const asSecret: PlanInput = { kind: 'secret', type, from, declared: input }
    const late: PlanInput = { kind: 'late', type, secret, from, declared: input }
    switch (source.kind) {
      case 'command':
        return late
      case 'random':
        if (this.#environment.protected) {
          const where = `${this.#environment.name}, which is protected`
          return this.#wrong(`input ${name} cannot be made at random in ${where}`)
        }
        return secret ? asSecret : late
      case 'literal':
      case 'default': {
        const planned = this.#literal(name, input, source.value, [...path, name])
        if (planned === 'late') return { ...late, template: source.value }
        return planned === undefined || !secret ? planned : asSecret
      }
      case 'none':
        if (secret) return asSecret
        return this.#wrong(missingInput(name, input, this.#environment))
      case 'var':
      case 'env':
      case 'file': {
        if (secret) {
          if (source.kind === 'var') {
            this.#options.warn(
              `--var ${name} shows a secret to all who can list processes; a variable or a file does not`,
            )
          }
          return asSecret
        }
        const read = readSource(name, input, source, this.#options)
        return 'problem' in read ? this.#wrong(read.problem) : this.#frozen(name, input, read.text)
      }
    }
  }

  /** Frozen when all that it looks at is; `late` when not. */
  #literal(
    name: string,
    input: Input,
    template: Value,
    path: readonly string[],
  ): PlanInput | 'late' | undefined {
    const needs = needsOf(template)
    const scope: Record<string, Value> = {}
    let late = needs.services.length > 0
    let known = true
    for (const needed of needs.inputs) {
      const other = this.plan(needed, path)
      if (other === undefined) known = false
      else if (other.kind === 'value') scope[needed] = other.value
      else {
        late = true
        if (!input.secret && (other.kind === 'secret' || other.secret)) {
          known = false
          this.#wrong(`input ${name} looks at the secret input ${needed}: it must be secret too`)
        }
      }
    }
    if (!known) return undefined
    if (late) return 'late'
    try {
      return this.#frozen(name, input, resolve(template, { inputs: scope }))
    } catch (error) {
      if (isTemplateError(error)) return this.#wrong(`input ${name}: ${error.message}`)
      throw error
    }
  }

  #frozen(name: string, input: Input, raw: unknown): PlanInput | undefined {
    const checked = inputValue(name, input, raw)
    if ('problem' in checked) return this.#wrong(`input ${checked.problem}`)
    return { kind: 'value', type: input.type, value: checked.value }
  }

  #wrong(problem: string): undefined {
    this.problems.add(problem)
  }
}
