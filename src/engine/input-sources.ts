/** Where the values of inputs come from, in data and in words. */
import { readFileSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { EXIT, failure } from '../core/errors.ts'
import { references } from '../core/expressions.ts'
import { didYouMean } from '../core/problems.ts'
import { expressionsOf } from '../core/references.ts'
import type { Environment, Input, InputSource, Value } from '../core/runbook.ts'

export type Source =
  InputSource | { kind: 'var'; text: string } | { kind: 'default'; value: Value } | { kind: 'none' }

/** Throws exit 2 when `--var` names what is no input. */
export function refuseUnknown(inputs: readonly string[], vars: Record<string, string>): void {
  const unknown = Object.keys(vars).filter((name) => !inputs.includes(name))
  if (unknown.length === 0) return
  const hints = unknown.flatMap((name) => didYouMean(name, inputs) ?? [])
  throw failure(
    EXIT.usage,
    unknown.map((name) => `--var ${name}: there is no such input`).join('\n'),
    {
      hint:
        hints[0] ??
        (inputs.length === 0 ? 'this runbook has no inputs' : 'runbook show lists them'),
    },
  )
}

/** Where an input comes from: the command line, else the environment, else its default. */
export function sourceOf(
  name: string,
  input: Input,
  environment: Environment,
  vars: Record<string, string>,
): Source {
  const text = Object.hasOwn(vars, name) ? vars[name] : undefined
  if (text !== undefined) return { kind: 'var', text }
  const source = Object.hasOwn(environment.inputs, name) ? environment.inputs[name] : undefined
  if (source !== undefined) return source
  if (input.default !== undefined) return { kind: 'default', value: input.default }
  return { kind: 'none' }
}

/** The same in words, without the value. */
export function describeSource(source: Source, environment: Environment): string {
  switch (source.kind) {
    case 'var':
      return '--var'
    case 'env':
      return `the variable ${source.name}`
    case 'file':
      return `the file ${source.path}`
    case 'command':
      return `the command ${source.argv[0] ?? ''}`
    case 'random':
      return 'random bytes, made once'
    case 'literal':
      return `the environment ${environment.name}`
    case 'default':
      return 'its default'
    case 'none':
      return 'nowhere yet'
  }
}

/** Text that is to become a value, or what is wrong in words. */
export type Read = { text: string } | { problem: string }

/** Reads a variable or a file; one line break at its end does not count. */
export function readSource(
  name: string,
  input: Input,
  source: Extract<Source, { kind: 'var' | 'env' | 'file' }>,
  options: { root: string; env: NodeJS.ProcessEnv },
): Read {
  const needed = neededBy(name, input)
  if (source.kind === 'var') return { text: source.text }
  if (source.kind === 'env') {
    const text = options.env[source.name]
    if (text === undefined) return { problem: `${source.name} is not set ${needed}` }
    return text === '' ? { problem: `${source.name} is empty ${needed}` } : { text }
  }
  try {
    const path = isAbsolute(source.path) ? source.path : join(options.root, source.path)
    return { text: readFileSync(path, 'utf8').replace(/\r?\n$/, '') }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const why = code === 'ENOENT' ? 'is not there' : `cannot be read: ${code ?? 'unknown'}`
    return { problem: `the file ${source.path} ${why} ${needed}` }
  }
}

/** `(needed by input database_url, a secret url)` */
export function neededBy(name: string, input: Input): string {
  return `(needed by input ${name}, ${typeOf(input)})`
}

/** For an input that comes from nowhere: the places where it could be given. */
export function missingInput(name: string, input: Input, environment: Environment): string {
  const place = `environments.${environment.name}.inputs of the runbook`
  const ways = input.secret
    ? `name its source in ${place}`
    : `pass --var ${name}=…, or set it in ${place}`
  return `input ${name} is missing (${typeOf(input)}): ${ways}`
}

function typeOf({ type, secret }: Input): string {
  if (secret) return `a secret ${type}`
  return type === 'integer' ? 'an integer' : `a ${type}`
}

/** All that is missing or wrong, in one error with exit 2. */
export function wrongInputs(problems: readonly string[], hint?: string): Error {
  const [only = ''] = problems
  const more = hint === undefined ? {} : { hint }
  if (problems.length === 1) return failure(EXIT.usage, only, more)
  const list = problems.map((problem) => `  ${problem}`).join('\n')
  return failure(EXIT.usage, `${problems.length} inputs are missing or wrong:\n${list}`, more)
}

/** How to give what is missing. */
export function howToGive(runbook: string, environment: Environment): string {
  return `export the variables and put the files there; where each input comes from: runbook show ${runbook} --env ${environment.name}`
}

/** The names of inputs and services that templates look at. */
export function needsOf(template: unknown): { inputs: string[]; services: string[] } {
  const needs = { inputs: new Set<string>(), services: new Set<string>() }
  for (const path of expressionsOf(template).flatMap(references)) {
    const [, root, name] = /^(inputs|services)(?:\.|\[")([^."[\]]+)/.exec(path) ?? []
    if (name !== undefined) needs[root as keyof typeof needs].add(name)
  }
  return { inputs: [...needs.inputs], services: [...needs.services] }
}
