/** Every expression and every template of one place: names, types, and secrets where anybody can read. */
import { checkExpression, type Fields } from '../core/expression-types.ts'
import { typeWord } from '../core/expression-errors.ts'
import { parseExpression } from '../core/expressions.ts'
import { indexedIn, pathText } from '../core/expression-paths.ts'
import { parseDuration } from '../core/durations.ts'
import type { Runbook } from '../core/runbook.ts'
import { expressionsIn, hasTemplate } from '../core/templates.ts'
import { each, type Reading } from './reading.ts'
import { hostsIn } from './variables.ts'
import { insideOffset, problemAt, type Said, type Tree, type Way } from './tree.ts'

/** What lint carries about. */
export interface Lint {
  reading: Reading
  runbook: Runbook
  /** Places whose templates are filled in; elsewhere a template would be shown as it stands. */
  filled: Set<string>
  /** Paths that hold secrets: `inputs.token`, `steps.login.session`, `params.password`. */
  secrets: Set<string>
}

/** What one place may see. */
export interface View {
  variables: Fields
  /** Tells the steps whose outputs are there at that time; left out: all. */
  isEarlier?: (step: string) => boolean
  /** Said of a step that is none of them. */
  late?: string
  /** The step that all this belongs to. */
  self?: string
  /** The group of hosts that it runs on. */
  host?: string
  /** Its own outputs are there only when its action came to its end. */
  undoing?: string
}

/** Notes a problem at a place inside a text. */
export function blameInside({ reading }: Lint, way: Way, offset: number, said: Said): void {
  const { document, problems } = reading
  problems.push(problemAt(document, insideOffset(document, way, offset), said))
}

/** Checks one expression; gives its type, or undefined when it is wrong. */
export function lintExpression(
  lint: Lint,
  way: Way,
  source: string,
  view: View,
  shift = 0,
): string | undefined {
  const checked = checkExpression(source, view.variables)
  if (!checked.ok) {
    blameInside(lint, way, shift + checked.offset, advised(checked.message))
    return undefined
  }
  for (const warning of checked.warnings) {
    blameInside(lint, way, shift + warning.offset, { ...warning, level: 'warning' })
  }
  lintSteps(lint, way, source, view, shift)
  if (view.host !== undefined) lintHostKeys(lint, way, source, view.host, shift)
  return checked.type
}

/** A message whose advice, if it has one, stands on a line of its own. */
function advised(text: string): Said {
  if (text.startsWith('there is no variable "host"'))
    return {
      message: '"host" is there only in a step that runs on hosts',
      hint: 'add hosts: group',
    }
  const [, step] = /^there is no host of step (\w+)/.exec(text) ?? []
  if (step !== undefined)
    return {
      message: text.split('; ')[0] ?? text,
      hint: `outputs of a step on hosts are read by host: steps.${step}[host.name].output`,
    }
  const [message = '', hint] = text.split(/; (?=did you mean|expected one of|write )/)
  if (hint === undefined && /text and a (whole )?number|number and text/.test(message)) {
    return {
      message,
      hint: 'write it with or without quotes; string(number) and int(text) convert',
    }
  }
  return { message, hint }
}

/** Outputs of steps that come later, or that nobody may have recorded. */
function lintSteps(lint: Lint, way: Way, source: string, view: View, shift: number): void {
  const expression = parseExpression(source)
  if (!expression.ok) return
  for (const { segments, nodes } of expression.paths) {
    const id = segments[1]
    if (segments[0] !== 'steps' || typeof id !== 'string') continue
    const offset = shift + (nodes[0]?.start ?? 0)
    if (view.isEarlier?.(id) === false) {
      const why = id === view.self ? 'they come out of this very action' : view.late
      const message = `the outputs of step ${id} are not there yet: ${why ?? 'it comes later'}`
      blameInside(lint, way, offset, { message, hint: 'read only from steps that are done before' })
    } else if (id === view.undoing) {
      const message = `this undo needs an output of its own step, which is not recorded when the action breaks off`
      const hint = 'read the value in a step before, with effect: none'
      blameInside(lint, way, offset, { message, hint, level: 'warning' })
    }
  }
}

/** Keys of `host` that not every host has: without `has()` they end a deploy in the middle. */
function lintHostKeys(lint: Lint, way: Way, source: string, group: string, shift: number): void {
  const expression = parseExpression(source)
  if (!expression.ok) return
  const keys = expression.paths.filter(({ segments }) => segments[0] === 'host')
  const asked = new Set(keys.filter((path) => path.asked).map(({ segments }) => segments[1]))
  for (const { segments, nodes } of keys) {
    const [, key] = segments
    if (typeof key !== 'string' || key === 'name' || asked.has(key)) continue
    for (const { in: environment, hosts } of hostsIn(lint.runbook, group)) {
      const without = hosts.find(({ facts }) => !Object.hasOwn(facts, key))
      if (without === undefined) continue
      blameInside(lint, way, shift + (nodes[0]?.start ?? 0), {
        message: `the host ${without.name} of ${environment} has no "${key}"`,
        hint: `write it there, or ask with has(host.${key})`,
      })
      return
    }
  }
}

/** Checks an expression that must be true or false, or a list of them. */
export function lintConditions(
  lint: Lint,
  way: Way,
  given: string | string[] | undefined,
  view: View,
): void {
  for (const { item, way: at } of each(given, way)) {
    const type = lintExpression(lint, at, item, view)
    if (type === undefined || type === 'bool' || type === 'dyn') continue
    blameInside(lint, at, 0, {
      message: `this gives ${typeWord(type)}, and must be true or false`,
      hint: 'compare it with something: == …',
    })
  }
}

/** Checks the templates of a value, however deep. */
export function lintTemplates(lint: Lint, way: Way, value: unknown, view: View): void {
  if (Array.isArray(value)) {
    for (const [i, item] of value.entries()) lintTemplates(lint, [...way, i], item, view)
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, inner] of Object.entries(value)) {
      lintTemplates(lint, [...way, key], inner, view)
    }
  } else if (typeof value === 'string' && hasTemplate(value)) {
    lint.filled.add(JSON.stringify(way))
    const { expressions, unterminated } = expressionsIn(value)
    if (unterminated !== undefined) {
      blameInside(lint, way, unterminated, { message: 'this ${{ is not closed', hint: 'add }}' })
    }
    for (const { source, offset } of expressions) lintExpression(lint, way, source, view, offset)
  }
}

/** A duration: written out, or one template. `some`: one of nothing would make no sense here. */
export function lintDuration(
  lint: Lint,
  way: Way,
  text: string | undefined,
  view: View,
  some = false,
): void {
  if (text === undefined) return
  if (hasTemplate(text)) {
    lintTemplates(lint, way, text, view)
    const { expressions } = expressionsIn(text)
    const [only] = expressions
    if (expressions.length === 1 && only !== undefined && /^\$\{\{[\s\S]*\}\}$/.test(text.trim()))
      return
    blameInside(lint, way, 0, {
      message: 'a duration is written out, or one ${{ }} and nothing else',
    })
    return
  }
  const ms = parseDuration(text)
  if (ms === undefined) {
    const hint = 'write a number with a unit: 250ms, 30s, 10m, 24h, 30d; ten years at most'
    blameInside(lint, way, 0, { message: `"${text}" is not a duration`, hint })
  } else if (some && ms === 0) {
    const hint = 'leave it out, or write how long it may take: 30s'
    blameInside(lint, way, 0, { message: 'this takes some time: it cannot be 0', hint })
  }
}

/** The secrets that an expression names. */
function secretsIn(lint: Lint, source: string): string[] {
  const expression = parseExpression(source)
  if (!expression.ok) return []
  const indexed = indexedIn(expression.root).map(({ segments, name }) => [...segments, name])
  const paths = [...expression.paths.map(({ segments }) => segments), ...indexed]
  return paths.map((segments) => pathText(segments)).filter((p) => lint.secrets.has(p))
}

/** The first secret in the templates of a text, with its place. */
export function secretIn(lint: Lint, text: string): { secret: string; offset: number } | undefined {
  for (const { source, offset } of expressionsIn(text).expressions) {
    const [secret] = secretsIn(lint, source)
    if (secret !== undefined) return { secret, offset }
  }
  return undefined
}

/** Templates where nothing fills them in: they would be shown, or run, as they stand. */
export function lintUnfilled(lint: Lint, tree: Tree, way: Way): void {
  if (tree.kind === 'map') {
    for (const [key, { value }] of tree.entries) lintUnfilled(lint, value, [...way, key])
  } else if (tree.kind === 'list') {
    for (const [i, item] of tree.items.entries()) lintUnfilled(lint, item, [...way, i])
  } else if (typeof tree.value === 'string' && hasTemplate(tree.value)) {
    if (lint.filled.has(JSON.stringify(way))) return
    const found = secretIn(lint, tree.value)
    const key = String(way.findLast((part) => typeof part === 'string') ?? '')
    const message =
      found === undefined
        ? `no value is filled in here: "${key}" is taken as it stands`
        : `"${key}" is shown to everybody: the secret ${found.secret} cannot stand in it`
    const offset = expressionsIn(tree.value).expressions[0]?.offset ?? 0
    blameInside(lint, way, offset, { message, hint: 'write plain text' })
  }
}
