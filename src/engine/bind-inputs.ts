/** The values of inputs when something runs: secrets read, commands run, services looked at. */
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { inputValue } from '../core/inputs.ts'
import type { Plan, PlanInput } from '../core/plan.ts'
import type { Input, Value } from '../core/runbook.ts'
import { isTemplateError, resolve, textOf } from '../core/templates.ts'
import { lastLine } from '../lib/clean.ts'
import { createPrivate, privateFolder } from '../lib/private-files.ts'
import { runCommand } from '../lib/processes.ts'
import {
  howToGive,
  missingInput,
  neededBy,
  needsOf,
  readSource,
  refuseUnknown,
  sourceOf,
  wrongInputs,
  type Read,
  type Source,
} from './input-sources.ts'
import { environmentFolder } from './key.ts'
import { withheldFrom } from './process-environment.ts'

export interface BindOptions {
  root: string
  /** From `--var`. */
  vars?: Record<string, string>
  env?: NodeJS.ProcessEnv
  interrupt?: AbortSignal
  /** A plan runs no command to learn a value. Left out: false. */
  withoutCommands?: boolean
}

interface BoundInputs {
  /** Secret ones too. */
  values: Record<string, unknown>
  secrets: Map<string, string>
  /** Variables of the operator's environment that secrets come from: no process may see them. */
  sourceVariables: string[]
}

/** Binds inputs as they are needed; each is read, and each command run, at most once. */
export interface InputBinder {
  /** Some of them while not all services run yet. Throws exit 2 with all that is missing or wrong. */
  pick(
    names: readonly string[],
    services: Record<string, unknown>,
  ): Promise<Record<string, unknown>>
  /** All of them, or those that are named. Throws exit 2 with all that is missing or wrong. */
  all(services: Record<string, unknown>, names?: readonly string[]): Promise<BoundInputs>
}

type Got = { value: Value } | { problem: string }

/** Makes the binder of a plan. Throws exit 2 for a `--var` that is unknown or contradicts the plan. */
export function inputBinder(
  plan: Pick<Plan, 'runbook' | 'environment' | 'inputs'>,
  options: BindOptions,
): InputBinder {
  const { vars = {}, env = process.env, root } = options
  refuseUnknown(Object.keys(plan.inputs), vars)
  const contradictions = Object.entries(plan.inputs).flatMap(([name, input]) =>
    input.kind === 'value' && Object.hasOwn(vars, name) && vars[name] !== textOf(input.value)
      ? [`--var ${name}: the plan has ${JSON.stringify(input.value)}, and a plan does not change`]
      : [],
  )
  if (contradictions.length > 0) throw wrongInputs(contradictions)

  const bound = new Map<string, Value>()

  const get = async (name: string, services: Record<string, unknown>): Promise<Got> => {
    const planned = Object.hasOwn(plan.inputs, name) ? plan.inputs[name] : undefined
    if (planned === undefined) return { problem: `there is no input ${name}` }
    if (planned.kind === 'value') return { value: planned.value }
    const known = bound.get(name)
    if (known !== undefined) return { value: known }
    const raw = await rawOf(name, planned, services)
    if ('problem' in raw) return raw
    const checked = inputValue(name, planned.declared, raw.raw)
    if ('problem' in checked) return { problem: `input ${checked.problem}` }
    bound.set(name, checked.value)
    return checked
  }

  type Late = Exclude<PlanInput, { kind: 'value' }>
  const rawOf = async (
    name: string,
    planned: Late,
    services: Record<string, unknown>,
  ): Promise<{ raw: unknown } | { problem: string }> => {
    const { declared } = planned
    const source = sourceOf(name, declared, plan.environment, vars)
    if (source.kind === 'none') return { problem: missingInput(name, declared, plan.environment) }
    if (source.kind === 'literal' || source.kind === 'default') {
      return fromTemplate(name, source.value, services)
    }
    const read = await readLate(name, declared, source)
    return 'problem' in read ? read : { raw: read.text }
  }

  const fromTemplate = (
    name: string,
    template: Value,
    services: Record<string, unknown>,
  ): { raw: unknown } | { problem: string } => {
    const absent = needsOf(template).services.filter((service) => !Object.hasOwn(services, service))
    if (absent.length > 0) {
      return {
        problem: `input ${name} needs the service ${absent.join(', ')}, which does not run yet`,
      }
    }
    try {
      return { raw: resolve(template, { services }) }
    } catch (error) {
      if (isTemplateError(error)) return { problem: `input ${name}: ${error.message}` }
      throw error
    }
  }

  const readLate = async (
    name: string,
    input: Input,
    source: Exclude<Source, { kind: 'literal' | 'default' | 'none' }>,
  ): Promise<Read> => {
    switch (source.kind) {
      case 'command':
        if (options.withoutCommands === true)
          return { problem: `a plan does not run ${source.argv[0] ?? ''} ${neededBy(name, input)}` }
        return runSource(name, input, source.argv, { ...options, env })
      case 'random':
        return { text: randomOnce(plan, name, source.bytes, root) }
      default:
        return readSource(name, input, source, { root, env })
    }
  }

  const pick: InputBinder['pick'] = async (names, services) => {
    const values: Record<string, unknown> = {}
    const problems = new Set<string>()
    for (const name of names) {
      const got = await get(name, services)
      if ('problem' in got) problems.add(got.problem)
      else values[name] = got.value
    }
    if (problems.size > 0)
      throw wrongInputs([...problems], howToGive(plan.runbook, plan.environment))
    return values
  }

  return {
    pick,
    async all(services, names = Object.keys(plan.inputs)) {
      const values = await pick(names, services)
      const secrets = new Map(
        [...bound]
          .filter(([name]) => isSecret(plan.inputs[name]))
          .map(([name, value]) => [name, textOf(value)] as const),
      )
      return { values, secrets, sourceVariables: sourceVariables(plan) }
    },
  }
}

/** The variables of the operator's environment that a plan takes secrets from. */
export function sourceVariables(plan: Pick<Plan, 'environment' | 'inputs'>): string[] {
  return Object.entries(plan.environment.inputs).flatMap(([name, source]) =>
    source.kind === 'env' && isSecret(plan.inputs[name]) ? [source.name] : [],
  )
}

/** Whether an input's value must be hidden. */
export function isSecret(input: PlanInput | undefined): boolean {
  return input?.kind === 'secret' || (input?.kind === 'late' && input.secret)
}

/** The output of a command; what it says when it fails is shown, what it answers never is. */
async function runSource(
  name: string,
  input: Input,
  argv: readonly string[],
  options: BindOptions & { env: NodeJS.ProcessEnv },
): Promise<Read> {
  const [file = '', ...args] = argv
  const result = await runCommand([file, ...args], {
    cwd: options.root,
    env: withheldFrom(options.env, []),
    ...(options.interrupt !== undefined && { interrupt: options.interrupt }),
  })
  const text = result.stdout.replace(/\r?\n$/, '')
  const problem = (what: string): Read => ({
    problem: `the command ${file} ${what} ${neededBy(name, input)}`,
  })
  if (result.problem === 'missing') return problem('is not there')
  if (result.problem === 'timeout') return problem('did not end within a minute')
  if (result.problem === 'interrupted') return problem('was interrupted')
  if (result.code !== 0) {
    const said = lastLine(result.stderr).trim()
    return problem(`ended with ${result.code}${said === '' ? '' : `: ${said.slice(0, 200)}`}`)
  }
  return text === '' ? problem('gave nothing') : { text }
}

/** Made on first need and then kept: the same in every command of this runbook and environment. */
function randomOnce(
  plan: Pick<Plan, 'runbook' | 'environment'>,
  name: string,
  bytes: number,
  root: string,
): string {
  const folder = privateFolder(
    environmentFolder(root, 'random', plan.runbook, plan.environment.name),
  )
  const kept = createPrivate(join(folder, name), randomBytes(bytes).toString('base64url'))
  return kept.toString('utf8')
}
