/** What the schema finds, in words and at its place. */
import type { z } from 'zod'
import { didYouMean, type Problem } from '../core/problems.ts'
import { KNOWN_KEYS } from './schema-values.ts'
import {
  keyOffset,
  nodeAt,
  problemAt,
  valueOffset,
  type Document,
  type Tree,
  type Way,
} from './tree.ts'

type Issue = z.core.$ZodIssue

/** Validates a document; gives its data with the schema's type, or everything that is wrong with it. */
export function validate<T>(
  schema: z.ZodType<T>,
  document: Document,
): { data: T; problems?: undefined } | { data?: undefined; problems: Problem[] } {
  const result = schema.safeParse(document.data)
  if (result.success) return { data: result.data }
  return { problems: result.error.issues.flatMap((issue) => told(issue, [], document)) }
}

function told(issue: Issue, base: Way, document: Document): Problem[] {
  const way: Way = [...base, ...issue.path.map((part) => (typeof part === 'symbol' ? '' : part))]
  const node = nodeAt(document.root, way)
  const said = (message: string, hint?: string): Problem[] => [
    problemAt(document, valueOffset(document, way), { message, hint }),
  ]
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => unknownKey(key, way, issue.message, document))
    case 'invalid_union':
      return toldUnion(issue, way, document)
    case 'invalid_type':
      return node === undefined
        ? [missing(way, document)]
        : [wrongType([issue.expected], way, node, document)]
    case 'invalid_key': {
      const message = issue.issues[0]?.message ?? 'cannot be used'
      const key = String(way.at(-1))
      return [
        problemAt(document, keyOffset(document, way), { message: `the name "${key}" ${message}` }),
      ]
    }
    case 'invalid_value': {
      if (node === undefined) return [missing(way, document)]
      const choices = issue.values.map(String)
      if (node.kind !== 'scalar') return [wrongType(['string'], way, node, document)]
      const hint =
        didYouMean(String(node.value), choices) ?? `expected one of: ${choices.join(', ')}`
      return said(`${label(way)} cannot be ${JSON.stringify(node.value)}`, hint)
    }
    case 'too_small':
    case 'too_big':
      return said(...sizeMessage(issue, way))
    case 'invalid_format':
      return said(`${label(way)} ${issue.message}`)
    default:
      return said(`${label(way)}: ${issue.message}`)
  }
}

function sizeMessage(
  issue: Extract<Issue, { code: 'too_small' | 'too_big' }>,
  way: Way,
): [message: string, hint?: string] {
  if (issue.code === 'too_big') {
    if (issue.origin === 'string') return [`${label(way)} ${issue.message}`]
    return [`${label(way)} is too large`, `at most ${issue.maximum}`]
  }
  if (issue.origin === 'number' || issue.origin === 'int') {
    const least = issue.inclusive === true ? issue.minimum : Number(issue.minimum) + 1
    return [`${label(way)} is too small`, `at least ${least}`]
  }
  const remedy =
    issue.origin === 'array' ? 'add an item, or remove the key' : 'write it, or remove the key'
  return [`${label(way)} is empty`, remedy]
}

/** What a person calls the value at a way: its key, or the place in a list. */
function label(way: Way): string {
  const last = way.at(-1)
  if (last === undefined) return 'the file'
  if (typeof last === 'string') return `"${last}"`
  const list = way.findLast((part) => typeof part === 'string')
  return `item ${last + 1}${list === undefined ? '' : ` of "${list}"`}`
}

/** What other tools call things, and what they are called here. */
const OTHER_WORDS: Record<string, string[]> = {
  undo: ['rollback'],
  revert: ['rollback'],
  check: ['verify'],
  test: ['verify'],
  assert: ['verify', 'expect'],
  name: ['id', 'runbook', 'title'],
  description: ['title'],
  command: ['run'],
  cmd: ['run'],
  shell: ['run'],
  if: ['when'],
  depends_on: ['after', 'when'],
  needs: ['after', 'when'],
  retries: ['retry'],
  vars: ['inputs'],
  stages: ['phases'],
  tasks: ['steps'],
}

/** What may be meant by a key, as a question; undefined where the word is of no other tool. */
function inOurWords(key: string, known: readonly string[]): string | undefined {
  const words = Object.hasOwn(OTHER_WORDS, key) ? (OTHER_WORDS[key] ?? []) : []
  const meant = words.filter((word) => known.includes(word)).map((word) => `"${word}"`)
  return meant.length === 0 ? undefined : `did you mean ${meant.join(' or ')}?`
}

function unknownKey(key: string, way: Way, message: string, document: Document): Problem {
  const known = message.startsWith(KNOWN_KEYS) ? message.slice(KNOWN_KEYS.length).split(' ') : []
  const offset = keyOffset(document, [...way, key])
  const where = way.length === 0 ? '' : ` in ${label(way)}`
  return problemAt(document, offset, {
    message: `the key "${key}" is not known${where}`,
    hint: inOurWords(key, known) ?? didYouMean(key, known) ?? `known here: ${known.join(', ')}`,
  })
}

function missing(way: Way, document: Document): Problem {
  const parent = way.slice(0, -1)
  const where = parent.length === 0 ? 'the runbook' : label(parent)
  return problemAt(document, valueOffset(document, parent), {
    message: `"${String(way.at(-1))}" is missing in ${where}`,
  })
}

/**
 * Of the alternatives of a union, those that want another kind of value altogether are not what was
 * meant. What is left tells what is wrong inside; nothing left means the kind is wrong.
 */
function toldUnion(
  issue: Extract<Issue, { code: 'invalid_union' }>,
  way: Way,
  document: Document,
): Problem[] {
  const node = nodeAt(document.root, way)
  if (node === undefined) return [missing(way, document)]
  const meant = issue.errors.filter((errors) => !errors.some((error) => isOtherKind(error, node)))
  const [nearest] = meant.toSorted((a, b) => a.length - b.length)
  if (nearest !== undefined) return nearest.flatMap((error) => told(error, way, document))
  const constants: string[] = []
  const kindsOf = (alternatives: Issue[][]): string[] =>
    alternatives.flatMap(([first]) => {
      if (first?.code === 'invalid_type') return [first.expected]
      if (first?.code === 'invalid_value') constants.push(...first.values.map(String))
      return first?.code === 'invalid_union' ? kindsOf(first.errors) : []
    })
  const kinds = kindsOf(issue.errors)
  return [wrongType(kinds, way, node, document, constants)]
}

function isOtherKind(error: Issue, node: Tree): boolean {
  if (error.path.length > 0) return false
  if (error.code === 'invalid_type') return true
  if (error.code === 'invalid_value') return true
  // A union within a union: it is another kind when all of its alternatives are.
  return (
    error.code === 'invalid_union' &&
    error.errors.every((inner) => inner.some((e) => isOtherKind(e, node)))
  )
}

const DURATIONS = new Set(['timeout', 'estimate', 'within', 'every', 'keep'])

const KINDS: Record<string, string> = {
  string: 'text',
  object: 'a map',
  record: 'a map',
  array: 'a list',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  null: 'nothing',
}

function wrongType(
  expected: string[],
  way: Way,
  node: Tree,
  document: Document,
  constants: string[] = [],
): Problem {
  const { start, end } = node.span
  const source = document.text.slice(start, end)
  const words = [
    ...new Set(expected.map((kind) => KINDS[kind] ?? kind)),
    ...constants.map((c) => `"${c}"`),
  ]
  const wanted = words.join(' or ')
  const offset = valueOffset(document, way)
  const scalar = node.kind === 'scalar' ? node.value : undefined
  const said = (found: string, hint?: string): Problem =>
    problemAt(document, offset, {
      message: `${label(way)} must be ${wanted}, this is ${found}`,
      hint,
    })
  if (node.kind === 'map') return said('a map')
  if (node.kind === 'list') return said('a list')
  if (scalar === null) {
    const hint = source === '' || source === '~' ? undefined : `as text, quote it: "${source}"`
    return problemAt(document, offset, {
      message: `${label(way)} is empty; it must be ${wanted}`,
      hint,
    })
  }
  const text = expected.includes('string') && !expected.some((kind) => /^(number|int)$/.test(kind))
  if (typeof scalar === 'number' && DURATIONS.has(String(way.at(-1)))) {
    return said(`the number ${source}`, `write it with a unit: ${source}s or ${source}m`)
  }
  if (typeof scalar === 'number') {
    return said(`the number ${source}`, text ? `quote it: "${source}"` : undefined)
  }
  if (typeof scalar === 'boolean') return said(source, text ? `quote it: "${source}"` : undefined)
  const hint = expected.includes('boolean')
    ? 'write true or false, without quotes'
    : /^[-+]?\d+(\.\d+)?$/.test(scalar ?? '')
      ? `write ${scalar} without quotes`
      : undefined
  return said(`the text ${JSON.stringify(shorten(scalar ?? ''))}`, hint)
}

function shorten(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)}…` : text
}
