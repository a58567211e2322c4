/** Checks an expression before it is ever calculated: names that exist, types that fit. */
import { plainMessage, typeWord } from './expression-errors.ts'
import { indexedIn, literal, walk, type Indexed, type Node, type Path } from './expression-paths.ts'
import { evaluate, parseExpression, TYPED_NAMES } from './expressions.ts'
import { compilePattern } from './patterns.ts'
import { didYouMean } from './problems.ts'

export type ValueType = 'int' | 'double' | 'string' | 'bool' | 'timestamp' | 'list' | 'map' | 'dyn'

/** Named things and their types: the variables of an expression, the inputs, the outputs of a step. */
export interface Fields {
  fields: Record<string, ValueType | Fields>
  /** What one of them is called in a message: "input", "step", "output". */
  called: string
  /** Other names are allowed too, and may be anything. */
  open?: boolean
  /** What any of them is, for an index that is calculated. */
  each?: Fields
}

interface Fault {
  message: string
  /** In the expression, from 0. */
  offset: number
}

export type Checked =
  { ok: true; type: string; warnings: Fault[] } | { ok: false; message: string; offset: number }

/**
 * Checks names and types. Gives the type that the expression has (`bool`, `string`, `dyn`, …), or the
 * first thing that is wrong and where. Dividing two ints is a warning: the rest is thrown away.
 */
export function checkExpression(source: string, variables: Fields): Checked {
  const expression = parseExpression(source)
  if (!expression.ok) return expression
  for (const path of expression.paths) {
    const unknown = unknownName(path, variables)
    if (unknown !== undefined) return { ok: false, ...unknown }
  }
  for (const indexed of indexedIn(expression.root)) {
    const each = eachOf(indexed, variables)
    if (each === undefined || Object.hasOwn(each.fields, indexed.name)) continue
    const near = didYouMean(indexed.name, Object.keys(each.fields))
    const message = `there is no ${each.called} "${indexed.name}"${near === undefined ? '' : `; ${near}`}`
    return { ok: false, message, offset: indexed.map.end + 1 }
  }
  for (const node of walk(expression.root)) {
    const fault = literalFault(node, source)
    if (fault !== undefined) return { ok: false, ...fault }
  }
  return checkTypes(source, expression, variables)
}

function unknownName({ segments, nodes }: Path, variables: Fields): Fault | undefined {
  let level: Fields = variables
  for (const [i, segment] of segments.entries()) {
    const name = String(segment)
    const known = Object.hasOwn(level.fields, name) ? level.fields[name] : undefined
    if (known === undefined) {
      if (level.open === true) return undefined
      const near = didYouMean(name, Object.keys(level.fields))
      const message = `there is no ${level.called} "${name}"${near === undefined ? '' : `; ${near}`}`
      const node = nodes[i]
      const before = nodes[i - 1]
      return { message, offset: before === undefined ? (node?.start ?? 0) : before.end + 1 }
    }
    if (typeof known === 'string') return undefined
    level = known
  }
  return undefined
}

/** Constants that would go wrong every time: patterns, durations, times. */
function literalFault(node: Node, source: string): Fault | undefined {
  if (node.op === 'rcall') {
    const [name, , args] = node.args as [string, Node, Node[]]
    const text = literal(args[0])
    if (!name.startsWith('matches') || typeof text !== 'string') return undefined
    const pattern = compilePattern(text)
    if (pattern.ok) return undefined
    return {
      message: `"${text}" is not a pattern: ${pattern.message}`,
      offset: args[0]?.start ?? 0,
    }
  }
  if (node.op === 'call') {
    const [name, args] = node.args as [string, Node[]]
    const text = literal(args[0])
    if ((name !== 'duration' && name !== 'timestamp') || typeof text !== 'string') return undefined
    const result = evaluate(source.slice(node.start, node.end), {})
    if (result.ok) return undefined
    const hint =
      name === 'duration'
        ? 'write a number with a unit: duration("90s"), "10m", "24h"'
        : 'write it as timestamp("2026-01-31T02:00:00Z")'
    return { message: `"${text}" is no ${name}; ${hint}`, offset: node.start }
  }
  return undefined
}

/** A part of an expression, and what stands in for it while types are checked. */
interface Cut {
  start: number
  end: number
  text: string
}

/**
 * Types: every path of a declared type is replaced by a name that the library knows to have that type,
 * so that one prepared environment serves for all runbooks.
 */
function checkTypes(
  source: string,
  { root, paths }: { root: Node; paths: readonly Path[] },
  variables: Fields,
): Checked {
  const cuts: Cut[] = []
  for (const indexed of indexedIn(root)) {
    const type = eachOf(indexed, variables)?.fields[indexed.name]
    if (typeof type !== 'string' || type === 'dyn' || indexed.asked) continue
    const { start, end } = indexed.node
    cuts.push({ start, end, text: TYPED_NAMES[type] })
  }
  for (const path of paths) {
    if (path.asked) continue
    const typed = typedPart(path, variables)
    const within = (cut: Cut) =>
      typed !== undefined && cut.start <= typed.start && typed.end <= cut.end
    if (typed !== undefined && !cuts.some(within)) cuts.push(typed)
  }
  cuts.sort((a, b) => a.start - b.start)
  let rewritten = ''
  let at = 0
  for (const { start, end, text } of cuts) {
    rewritten += source.slice(at, start) + text
    at = end
  }
  rewritten += source.slice(at)
  const original = (offset: number): number => {
    let shift = 0
    for (const { start, end, text } of cuts) {
      if (offset <= start + shift) break
      shift += text.length - (end - start)
    }
    return Math.max(0, offset - shift)
  }
  const expression = parseExpression(rewritten)
  if (!expression.ok) return { ...expression, offset: original(expression.offset) }
  const { valid, type, error } = expression.run.check()
  if (!valid) {
    const offset = original(error?.range?.start ?? 0)
    return { ok: false, message: plainMessage(error?.summary ?? 'the types do not fit'), offset }
  }
  const mixed = mixedMembership(expression.root)
  if (mixed !== undefined) return { ok: false, ...mixed, offset: original(mixed.offset) }
  return { ok: true, type: type ?? 'dyn', warnings: divisions(expression.root, original) }
}

/** The library leaves the type on each node it has checked. */
function typeOf(node: Node): string {
  return (node as Node & { checkedType?: { name?: string } }).checkedType?.name ?? 'dyn'
}

/** `exit_code in ["0"]`: the library finds it good and false; calculated it is an error. */
function mixedMembership(root: Node): Fault | undefined {
  for (const node of walk(root)) {
    if (node.op !== 'in') continue
    const [left, right] = node.args as [Node, Node]
    const item = /^list<(string|int|double|bool)>$/.exec(typeOf(right))?.[1]
    const type = typeOf(left)
    if (item === undefined || !['string', 'int', 'double', 'bool'].includes(type)) continue
    const numbers = item !== 'string' && type !== 'string' && item !== 'bool' && type !== 'bool'
    if (item === type || numbers) continue
    const message = `"in" looks for ${typeWord(type)} in a list of another kind (${typeWord(item)})`
    return { message, offset: node.start }
  }
  return undefined
}

/** What an index gives, where all that it can give is alike. */
function eachOf({ segments }: Indexed, variables: Fields): Fields | undefined {
  let level: Fields = variables
  for (const segment of segments) {
    const known = Object.hasOwn(level.fields, segment) ? level.fields[String(segment)] : undefined
    if (typeof known !== 'object') return undefined
    level = known
  }
  return level.each
}

function typedPart({ segments, nodes }: Path, variables: Fields): Cut | undefined {
  let level: Fields = variables
  for (const [i, segment] of segments.entries()) {
    const known = level.fields[String(segment)]
    if (known === undefined || known === 'dyn') return undefined
    if (typeof known === 'string') {
      const node = nodes[i]
      const start = nodes[0]?.start
      if (node === undefined || start === undefined) return undefined
      return { start, end: node.end, text: TYPED_NAMES[known] }
    }
    level = known
  }
  return undefined
}

function divisions(root: Node, original: (offset: number) => number): Fault[] {
  const warnings: Fault[] = []
  for (const node of walk(root)) {
    if (node.op !== '/') continue
    if (!(node.args as Node[]).every((side) => typeOf(side) === 'int')) continue
    warnings.push({
      message: 'dividing two whole numbers throws the rest away; write double(a) / b to keep it',
      offset: original(node.start),
    })
  }
  return warnings
}
