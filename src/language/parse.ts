/** From YAML text to a tree with places. All that YAML allows and a runbook does not ends here. */
import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  parseAllDocuments,
  type Node,
  type Scalar,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml'
import type { Problem } from '../core/problems.ts'
import { badCharacter, numberFault, syntaxAdvice } from './parse-advice.ts'
import {
  lineStartsOf,
  plainData,
  problemAt,
  type Document,
  type Said,
  type Span,
  type Tree,
} from './tree.ts'

/** Larger files are not read. */
const LARGEST_FILE = 1_048_576
const DEEPEST = 64
/** After aliases are written out. */
const MOST_VALUES = 200_000

const TAGS = new Set(['str', 'int', 'float', 'bool', 'null', 'map', 'seq'])

export type Parsed =
  { document: Document; problems: Problem[] } | { document?: undefined; problems: Problem[] }

/**
 * Reads one YAML document. Of syntax errors the first is told; of the others (numbers that are not
 * what they look like) all, beside the document.
 */
export function parseYaml(file: string, bytes: Uint8Array): Parsed {
  const text = decode(bytes)
  const document = {
    file,
    text,
    lineStarts: lineStartsOf(text),
    root: { kind: 'scalar', span: { start: 0, end: 0 }, value: null, style: 'plain' },
    data: null,
  } satisfies Document as Document
  const stop = (offset: number, said: Said): Parsed => ({
    problems: [problemAt(document, offset, said)],
  })
  if (bytes.length > LARGEST_FILE) {
    const size = `${(bytes.length / LARGEST_FILE).toFixed(1)} MiB`
    return {
      problems: [
        { file, line: 1, column: 1, message: `the file has ${size}; at most 1 MiB is read` },
      ],
    }
  }
  const bad = badCharacter(text)
  if (bad !== undefined) return stop(bad.offset, bad)
  const { tooDeep, unclosed } = nestingOf(text)
  if (tooDeep !== undefined) {
    const hint = 'no runbook is; was this generated?'
    return stop(tooDeep, { message: `nested more than ${DEEPEST} levels deep`, hint })
  }
  const documents = parseAllDocuments(text, {
    prettyErrors: false,
    strict: true,
    uniqueKeys: true,
    schema: 'core',
  })
  const [first, second] = [...documents]
  if (first === undefined) {
    return stop(0, {
      message: 'the file is empty',
      hint: 'a runbook begins with: runbook: its-name',
    })
  }
  const fault = [...first.errors, ...first.warnings].sort((a, b) => a.pos[0] - b.pos[0])[0]
  if (fault !== undefined) {
    const { opened, ...said } = syntaxAdvice(fault.code, fault.message)
    const blank = /^ */.exec(text.slice(fault.pos[0]))?.[0].length ?? 0
    return stop(opened === true ? (unclosed ?? fault.pos[0]) : fault.pos[0] + blank, said)
  }
  if (first.directives?.yaml.explicit === true) {
    return stop(0, { message: 'directives such as %YAML are not used', hint: 'remove the line' })
  }
  if (second !== undefined) {
    return stop(second.range[0], {
      message: 'a second document begins here; a file holds one',
      hint: 'remove the line "---", or put the rest into a file of its own',
    })
  }
  try {
    const reader: Reader = {
      document,
      problems: [],
      anchors: new Map(),
      open: new Set(),
      values: 0,
    }
    document.root = convert(reader, first.contents)
    document.data = plainData(document.root)
    return { document, problems: reader.problems }
  } catch (error) {
    const { stopAt, said } = error as Stop
    if (said === undefined) throw error
    return stop(stopAt, said)
  }
}

function decode(bytes: Uint8Array): string {
  // A byte order mark is let go of; bytes that are no UTF-8 become U+FFFD, which is refused later.
  return new TextDecoder('utf-8').decode(bytes)
}

interface Nesting {
  /** Where the text nests too deeply, flow and block together. */
  tooDeep?: number
  /** The last bracket or quote that nothing closes. */
  unclosed?: number
}

/** Looks at the text with the lexer alone: the parser can end the process on deep nesting. */
function nestingOf(text: string): Nesting {
  const columns: number[] = []
  const brackets: number[] = []
  let [at, lineStart, unclosed] = [0, 0, -1]
  for (const token of new Lexer().lex(text)) {
    if (/^[\u0002\u0018\u001f]$/.test(token)) continue
    const column = at - lineStart
    if (token === '[' || token === '{') brackets.push(at)
    else if (token === ']' || token === '}') brackets.pop()
    else if (/^["']/.test(token) && (token.length === 1 || token.at(-1) !== token[0])) unclosed = at
    else if (brackets.length === 0 && /^[^\s#]/.test(token)) {
      while ((columns.at(-1) ?? -1) > column) columns.pop()
      if (columns.at(-1) !== column) columns.push(column)
    }
    if (columns.length + brackets.length > DEEPEST) return { tooDeep: at }
    const newline = token.lastIndexOf('\n')
    if (newline >= 0) lineStart = at + newline + 1
    at += token.length
  }
  const last = Math.max(unclosed, brackets.at(-1) ?? -1)
  return last < 0 ? {} : { unclosed: last }
}

interface Reader {
  document: Document
  problems: Problem[]
  anchors: Map<string, Node>
  /** Anchored nodes that are being converted: an alias to one of them has no end. */
  open: Set<Node>
  values: number
  /** The outermost alias that is being written out. */
  alias?: number | undefined
}

interface Stop extends Error {
  stopAt: number
  said: Said
}

function stopping(offset: number, message: string, hint?: string): Stop {
  return Object.assign(new Error(message), { stopAt: offset, said: { message, hint } })
}

function spanOf(node: Node): Span {
  const [start = 0, end = start] = node.range ?? []
  return { start, end }
}

function convert(reader: Reader, given: unknown): Tree {
  const node = given as Node
  const span = spanOf(node)
  if (++reader.values > MOST_VALUES) {
    throw stopping(
      reader.alias ?? span.start,
      `this file makes more than ${MOST_VALUES} values when its aliases are written out`,
      'write out what is meant, with fewer aliases',
    )
  }
  if (isAlias(node)) {
    const target = reader.anchors.get(node.source)
    if (target === undefined) {
      throw stopping(span.start, `no anchor &${node.source} stands before this`)
    }
    if (reader.open.has(target)) {
      throw stopping(span.start, `*${node.source} contains itself`, 'write the value out')
    }
    const outermost = reader.alias === undefined
    if (outermost) reader.alias = span.start
    const tree = convert(reader, target)
    if (outermost) reader.alias = undefined
    return tree
  }
  const tag = node.tag?.replace(/^tag:yaml\.org,2002:/, '')
  if (tag !== undefined && !TAGS.has(tag)) {
    throw stopping(
      span.start,
      `the tag !${tag} has no meaning here`,
      'write plain text, numbers, lists and maps',
    )
  }
  const { anchor } = node as { anchor?: string }
  if (anchor !== undefined) reader.anchors.set(anchor, node)
  reader.open.add(node)
  const tree = isMap(node)
    ? convertMap(reader, node, span)
    : isSeq(node)
      ? convertList(reader, node, span)
      : convertScalar(reader, node, span)
  reader.open.delete(node)
  return tree
}

function convertMap(reader: Reader, node: YAMLMap, span: Span): Tree {
  const entries = new Map<string, { key: Span; value: Tree }>()
  for (const { key, value } of node.items) {
    const keySpan = spanOf(key as Node)
    if (!isScalar(key) || typeof key.value !== 'string') {
      const hint = isScalar(key) && key.source ? `quote it: "${key.source}"` : undefined
      throw stopping(keySpan.start, 'a key must be text', hint)
    }
    if (key.value === '__proto__') {
      throw stopping(keySpan.start, 'the key "__proto__" is not allowed', 'choose another name')
    }
    if (key.value === '<<') {
      throw stopping(
        keySpan.start,
        'there are no merge keys',
        'repeat the keys, or use *alias for a whole value',
      )
    }
    const empty = { start: keySpan.end, end: keySpan.end }
    const inner: Tree =
      value === null
        ? { kind: 'scalar', span: empty, value: null, style: 'plain' }
        : convert(reader, value)
    entries.set(key.value, { key: keySpan, value: inner })
  }
  return { kind: 'map', span, entries }
}

function convertList(reader: Reader, node: YAMLSeq, span: Span): Tree {
  return { kind: 'list', span, items: node.items.map((item) => convert(reader, item)) }
}

function convertScalar(reader: Reader, node: Scalar, span: Span): Tree {
  const { value, source, type } = node
  const style = type === 'PLAIN' ? 'plain' : type?.startsWith('QUOTE') ? 'quoted' : 'block'
  if (typeof value === 'number') {
    const fault = numberFault(value, source ?? String(value))
    if (fault !== undefined) reader.problems.push(problemAt(reader.document, span.start, fault))
  }
  return { kind: 'scalar', span, value: value as string | number | boolean | null, style }
}
