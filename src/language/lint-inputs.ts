/** Rules for inputs, environments, scopes and the names of things. */
import { inputValue } from '../core/inputs.ts'
import { compilePattern } from '../core/patterns.ts'
import { didYouMean } from '../core/problems.ts'
import type { Input } from '../core/runbook.ts'
import { hasTemplate } from '../core/templates.ts'
import { blame, blameKey, blameValue } from './reading.ts'
import { variableName } from './lint-actions.ts'
import type { Lint } from './lint-texts.ts'
import type { RunbookFile } from './schema.ts'
import type { Way } from './tree.ts'

/** Variables that change what a shell or a program does before it has read a line of the runbook. */
const POWERFUL =
  /^(PATH|HOME|IFS|ENV|BASH_ENV|BASH_FUNC.*|BASHOPTS|SHELLOPTS|SHELL|PS4|PROMPT_COMMAND|CDPATH|PWD|LD_.*|DYLD_.*|NODE_OPTIONS|NODE_PATH|PYTHONPATH|PYTHONSTARTUP|PERL5OPT|PERL5LIB|RUBYOPT|RUNBOOK_.*)$/

/** Words that mean something in an expression, so that nothing can be called so. */
const WORDS = new Set(['in', 'true', 'false', 'null'])

/** Checks what stands before the phases, and names. */
export function lintHead(lint: Lint, file: RunbookFile): void {
  const { reading, runbook } = lint
  for (const [name, input] of Object.entries(runbook.inputs)) lintInput(lint, name, input)
  if (Object.keys(file.environments).length === 0) {
    const hint = 'write at least one: environments: { staging: { inputs: { … } } }'
    blameKey(reading, ['environments'], { message: 'there is no environment to deploy to', hint })
  }
  for (const [name, environment] of Object.entries(file.environments)) {
    lintEnvironment(lint, ['environments', name], environment)
  }
  lintScopes(lint)
  lintIds(lint, file)
}

function lintInput({ reading }: Lint, name: string, input: Input): void {
  const way: Way = ['inputs', name]
  if (!/^[a-z][a-z0-9_]*$/.test(name)) {
    const lower = name.toLowerCase().replace(/[^a-z0-9_]/g, '_')
    const hint = `write ${/^[a-z]/.test(lower) ? lower : `the_${lower}`}`
    const message = `"${name}" cannot be the name of an input: lower case letters, digits and "_"`
    blameKey(reading, way, { message, hint })
  } else if (POWERFUL.test(variableName(name)) || WORDS.has(name)) {
    const message = WORDS.has(name)
      ? `"${name}" means something else in expressions`
      : `this input would become $${variableName(name)}, which changes how programs run`
    blameKey(reading, way, { message, hint: 'choose another name' })
  }
  if (input.pattern !== undefined) {
    const pattern = compilePattern(input.pattern)
    if (!pattern.ok)
      blame(reading, [...way, 'pattern'], { message: `not a pattern: ${pattern.message}` })
    if (!pattern.ok) return
  }
  if (input.secret && input.default !== undefined) {
    const hint = 'let each environment say where it comes from: { env: NAME }, { file: path } …'
    blameKey(reading, [...way, 'default'], {
      message: 'a secret has no default: the file is public',
      hint,
    })
  }
  const { enum: choices, default: given, ...open } = input
  for (const [i, choice] of (choices ?? []).entries()) {
    const result = inputValue(name, open, choice)
    if ('problem' in result) blameValue(reading, [...way, 'enum', i], choice, result.problem)
  }
  if (given === undefined) return
  const result = inputValue(name, input, given)
  if ('problem' in result) blameValue(reading, [...way, 'default'], given, result.problem)
}

function lintEnvironment(lint: Lint, way: Way, file: RunbookFile['environments'][string]): void {
  const { reading, runbook } = lint
  const isProtected = file.protected ?? false
  if (isProtected && file.manual === 'assume') {
    const message = 'people must answer for themselves where it is protected'
    blameKey(reading, [...way, 'manual'], { message, hint: 'remove manual: assume' })
  }
  for (const [name, given] of Object.entries(file.inputs ?? {})) {
    const here: Way = [...way, 'inputs', name]
    const input = runbook.inputs[name]
    if (input === undefined) {
      const hint = didYouMean(name, Object.keys(runbook.inputs)) ?? 'declare it under inputs:'
      blameKey(reading, here, { message: `there is no input "${name}"`, hint })
      continue
    }
    if (typeof given === 'object') {
      if (given.random === undefined) continue
      if (isProtected) {
        const message = 'a protected environment does not make up its secrets'
        blameKey(reading, [...here, 'random'], {
          message,
          hint: 'write { env: NAME } or { file: path }',
        })
      } else if (input.type !== 'string') {
        blameKey(reading, [...here, 'random'], { message: `a random text is no ${input.type}` })
      }
    } else if (typeof given !== 'string' || !hasTemplate(given)) {
      const result = inputValue(name, input, given)
      if ('problem' in result) blameValue(reading, here, given, result.problem)
      if (input.secret && isProtected) {
        const hint = 'write { env: NAME }, { file: path } or { command: [vault, …] }'
        blame(reading, here, {
          message: `the secret ${name} stands here for everybody to read`,
          hint,
        })
      }
    }
  }
}

function lintScopes({ reading, runbook }: Lint): void {
  const names = Object.keys(runbook.scopes)
  for (const [name, scope] of Object.entries(runbook.scopes)) {
    for (const [i, other] of scope.with.entries()) {
      const way: Way = ['rollback_scopes', name, 'with', i]
      if (!names.includes(other)) {
        blame(reading, way, {
          message: `there is no scope "${other}"`,
          hint: didYouMean(other, names),
        })
      } else if (name <= other && reaches(runbook.scopes, other, name)) {
        const message = `the scopes ${name} and ${other} take each other along`
        blame(reading, way, { message, hint: 'remove one of the two "with"' })
      }
    }
  }
}

function reaches(scopes: Record<string, { with: string[] }>, from: string, to: string): boolean {
  const seen = new Set<string>()
  const todo = [from]
  for (let at = todo.pop(); at !== undefined; at = todo.pop()) {
    if (at === to) return true
    if (seen.has(at)) continue
    seen.add(at)
    todo.push(...(scopes[at]?.with ?? []))
  }
  return false
}

/** Resume, rollback and --only know phases and steps by their ids. */
function lintIds({ reading }: Lint, file: RunbookFile): void {
  const seen = new Map<string, string>([['finally', 'the section "finally"']])
  const note = (id: string, kind: 'phase' | 'step', way: Way): void => {
    const what = `this ${kind}`
    const other = seen.get(id)
    if (other !== undefined) {
      const message = `${what} and ${other} are both called "${id}"`
      blame(reading, way, { message, hint: 'ids are unique in the whole runbook' })
    } else if (WORDS.has(id)) {
      const message = `"${id}" means something else in expressions`
      blame(reading, way, { message, hint: 'choose another id' })
    }
    seen.set(id, kind === 'phase' ? 'a phase' : 'another step')
  }
  for (const [p, phase] of file.phases.entries()) note(phase.id, 'phase', ['phases', p, 'id'])
  for (const [p, phase] of file.phases.entries()) {
    for (const [s, step] of phase.steps.entries()) {
      note(step.id, 'step', ['phases', p, 'steps', s, 'id'])
    }
  }
  for (const [s, step] of (file.finally ?? []).entries()) {
    note(step.id, 'step', ['finally', s, 'id'])
  }
}
