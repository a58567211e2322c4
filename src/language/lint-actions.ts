/** Rules for what stands in an action, in whatever role: a value never becomes code, a secret stays one. */
import { expressionsIn, hasTemplate } from '../core/templates.ts'
import { VERB_NAMES } from '../core/verbs.ts'
import { blame, blameKey, each } from './reading.ts'
import type { ActionFile } from './schema.ts'
import { secretArguments, variablesIn } from './lint-shell.ts'
import { sqlFaults } from './lint-sql.ts'
import {
  blameInside,
  lintConditions,
  lintDuration,
  lintTemplates,
  secretIn,
  type Lint,
  type View,
} from './lint-texts.ts'
import type { Way } from './tree.ts'

/** The name under which a process sees an input. */
export function variableName(input: string): string {
  return input.toUpperCase()
}

/**
 * Checks an action with what its role adds. `before` is what its templates may see, `after` what its
 * expectations may see besides: the result. `secrets`: the inputs that its processes may see.
 */
export function lintAction(
  lint: Lint,
  way: Way,
  file: ActionFile,
  before: View,
  after: View,
  secrets: readonly string[],
): void {
  for (const verb of VERB_NAMES) {
    const value = file[verb]
    if (value === undefined || (verb === 'run' && typeof value === 'string')) continue
    lintTemplates(lint, [...way, verb], value, before)
  }
  for (const key of ['database', 'env', 'cwd'] as const) {
    lintTemplates(lint, [...way, key], file[key], before)
  }
  lintDuration(lint, [...way, 'timeout'], file.timeout, before, true)
  lintDuration(lint, [...way, 'retry', 'within'], file.retry?.within, before)
  lintDuration(lint, [...way, 'retry', 'every'], file.retry?.every, before)
  lintDuration(lint, [...way, 'backup', 'keep'], file.backup?.keep, before)
  lintConditions(lint, [...way, 'expect'], file.expect, after)
  lintRun(lint, [...way, 'run'], file, secrets)
  lintSql(lint, [...way, 'sql'], file)
  lintDatabase(lint, way, file)
  const request = file.http ?? file.load?.http
  if (request !== undefined)
    lintRequest(lint, [...way, ...(file.http ? ['http'] : ['load', 'http'])], request)
  lintEnvironmentNames(lint, [...way, 'env'], file.env)
}

function lintRun(lint: Lint, way: Way, file: ActionFile, secrets: readonly string[]): void {
  const { run } = file
  if (typeof run === 'string') {
    lintScript(lint, way, run, file.env ?? {}, secrets)
    return
  }
  for (const [i, { item, way: at }] of each(run, way).entries()) {
    lintNul(lint, at, item)
    if (i === 0 && item === '') blame(lint.reading, at, { message: 'this names no program to run' })
    const found = secretIn(lint, item)
    if (found === undefined) continue
    blameInside(lint, at, found.offset, {
      message: `a command line is public: it would show the secret ${found.secret}`,
      hint: 'write the command as text, name the secret in secrets:, and let the program read it from its environment',
    })
  }
}

function lintScript(
  lint: Lint,
  way: Way,
  script: string,
  env: Record<string, string>,
  secrets: readonly string[],
): void {
  if (lintNul(lint, way, script)) return
  if (hasTemplate(script)) {
    lint.filled.add(JSON.stringify(way))
    const { expressions, unterminated } = expressionsIn(script)
    for (const { source, offset } of expressions) {
      blameInside(lint, way, offset, {
        message: '${{ }} is not filled in inside a script: a value must not become code',
        hint: shellAdvice(lint, source),
      })
    }
    if (unterminated !== undefined) {
      blameInside(lint, way, unterminated, { message: 'this ${{ is not closed' })
    }
    return
  }
  lint.reading.scripts.push({ text: script, document: lint.reading.document, way })
  const { inputs } = lint.runbook
  const secretNames = new Map(
    Object.entries(inputs)
      .filter(([name, { secret }]) => secret && !(variableName(name) in env))
      .map(([name]) => [variableName(name), name]),
  )
  const carried = Object.entries(env).filter(([, value]) => secretIn(lint, value) !== undefined)
  const hidden = new Set([...secretNames.keys(), ...carried.map(([name]) => name)])
  for (const { program, variable, offset } of secretArguments(script, hidden)) {
    const database = inputs[secretNames.get(variable) ?? '']?.type === 'url'
    blameInside(lint, way, offset, {
      message: `a command line is public: ${program} would show the secret $${variable} to everybody on the machine`,
      hint: database
        ? 'psql and its like find PGHOST, PGUSER, PGPASSWORD … in their environment: leave the argument out'
        : 'let the program read it from its environment, from a file, or from standard input: <<< "$NAME"',
    })
  }
  for (const [variable, offset] of variablesIn(script)) {
    const name = secretNames.get(variable)
    if (name === undefined || secrets.includes(name)) continue
    blameInside(lint, way, offset, {
      message: `$${variable} is not there: this step does not name the secret`,
      hint: `add secrets: [${name}]`,
      level: 'warning',
    })
  }
}

/** True when a process could not be given this text at all. */
function lintNul(lint: Lint, way: Way, text: string): boolean {
  const offset = text.indexOf('\0')
  if (offset < 0) return false
  const hint =
    'in double quotes YAML reads \\0 as one; in single quotes or a block it stays as it is'
  blameInside(lint, way, offset, { message: 'a NUL character cannot be given to a program', hint })
  return true
}

function shellAdvice(lint: Lint, source: string): string {
  const input = /^inputs\.([a-z][a-z0-9_]*)$/.exec(source)?.[1]
  if (input !== undefined && input in lint.runbook.inputs) {
    const secret = lint.runbook.inputs[input]?.secret === true
    return `write "$${variableName(input)}"${secret ? `, and add secrets: [${input}]` : ''}`
  }
  const name = /(\w+)$/.exec(source)?.[1]?.toUpperCase() ?? 'NAME'
  return `add env: { ${name}: "\${{ ${source} }}" } and write "$${name}"`
}

function lintSql(lint: Lint, way: Way, file: ActionFile): void {
  for (const { item, way: at } of each(file.sql, way)) {
    if (typeof item !== 'string') continue
    for (const { offset, ...said } of sqlFaults(item)) blameInside(lint, at, offset, said)
  }
}

/** Left out, the database is the input of that name; there must be one. */
function lintDatabase(lint: Lint, way: Way, file: ActionFile): void {
  if (lint.runbook.inputs['database_url'] !== undefined) return
  const hint = 'write database:, or declare the input database_url: { type: url, secret: true }'
  const message = 'which database? It is not named, and there is no input database_url'
  if (file.sql !== undefined && file.database === undefined) {
    blameKey(lint.reading, [...way, 'sql'], { message, hint })
  }
  if (file.backup !== undefined && file.backup.database === undefined) {
    blameKey(lint.reading, [...way, 'backup'], { message, hint })
  }
}

const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const

function lintRequest(lint: Lint, way: Way, request: NonNullable<ActionFile['http']>): void {
  for (const method of METHODS) {
    const url = request[method]
    if (url === undefined) continue
    const at = [...way, method]
    if (!/^(https?:\/\/|\$\{\{)/.test(url)) {
      const hint = 'begin with http:// or https://, or with ${{ inputs.app_url }}'
      blameInside(lint, at, 0, { message: 'a request needs a whole URL', hint })
    }
    const query = url.replace(/\$\{\{[\s\S]*?\}\}/g, (all) => ' '.repeat(all.length)).indexOf('?')
    for (const { source, offset } of expressionsIn(url).expressions) {
      const [secret] = query >= 0 && offset > query ? secretsOf(lint, source) : []
      if (secret === undefined) continue
      blameInside(lint, at, offset, {
        message: `a URL's query ends up in logs: it would show the secret ${secret}`,
        hint: 'send it with bearer:, in headers: or in the body',
      })
    }
  }
}

function secretsOf(lint: Lint, source: string): string[] {
  const found = secretIn(lint, `\${{ ${source} }}`)
  return found === undefined ? [] : [found.secret]
}

function lintEnvironmentNames(lint: Lint, way: Way, env: Record<string, string> | undefined): void {
  for (const name of Object.keys(env ?? {})) {
    if (!name.startsWith('RUNBOOK_')) continue
    const message = 'names that begin with RUNBOOK_ are set by the tool'
    blameKey(lint.reading, [...way, name], { message, hint: 'choose another name' })
  }
}
