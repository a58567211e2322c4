/** Reads RE2's syntax into pieces: classes, groups, choices and repetitions; nothing that needs backtracking. */
import {
  fault,
  readClass,
  readEscape,
  type CharTest,
  type PatternFault,
  type Reader,
} from './pattern-classes.ts'

export type Piece =
  | { kind: 'char'; matches: CharTest }
  | { kind: 'assert'; holds: (before: number, after: number) => boolean }
  | { kind: 'sequence'; parts: Piece[] }
  | { kind: 'choice'; parts: Piece[] }
  | { kind: 'repeat'; part: Piece; least: number; most?: number }

const LINE_END = 10
const isWord = (char: number): boolean => char > 0 && /\w/.test(String.fromCodePoint(char))
const DEEPEST = 100

type Parsed = { ok: true; piece: Piece } | { ok: false; message: string; offset: number }

/** The pieces of a pattern, or what is wrong with it and where. */
export function parsePattern(source: string): Parsed {
  const reader: Reader = { source, at: 0, flags: { i: false, s: false, m: false } }
  try {
    const piece = readChoice(reader, 0)
    if (reader.at < source.length) throw fault(reader, 'a ")" without its "("')
    return { ok: true, piece }
  } catch (error) {
    const { patternFault, message, offset } = error as PatternFault
    if (patternFault !== true) throw error
    return { ok: false, message, offset }
  }
}

function readChoice(reader: Reader, depth: number): Piece {
  if (depth > DEEPEST) throw fault(reader, 'groups are nested too deeply')
  const parts = [readSequence(reader, depth)]
  while (reader.source[reader.at] === '|') {
    reader.at++
    parts.push(readSequence(reader, depth))
  }
  return parts.length === 1 && parts[0] !== undefined ? parts[0] : { kind: 'choice', parts }
}

function readSequence(reader: Reader, depth: number): Piece {
  const parts: Piece[] = []
  for (;;) {
    const char = reader.source[reader.at]
    if (char === undefined || char === '|' || char === ')') return { kind: 'sequence', parts }
    const part = readAtom(reader, depth)
    if (part !== undefined) parts.push(readRepeats(reader, part))
  }
}

function readRepeats(reader: Reader, part: Piece): Piece {
  const count = readCount(reader)
  if (count === undefined) return part
  // Lazy or greedy: whether there is a match at all is the same.
  if (reader.source[reader.at] === '?') reader.at++
  else if (reader.source[reader.at] === '+')
    throw fault(reader, 'possessive repetition is not supported')
  if (readCount({ ...reader }) !== undefined) throw fault(reader, 'a repetition of a repetition')
  return { kind: 'repeat', part, ...count }
}

function readCount(reader: Reader): { least: number; most?: number } | undefined {
  const char = reader.source[reader.at]
  if (char === '*' || char === '+' || char === '?') {
    reader.at++
    if (char === '?') return { least: 0, most: 1 }
    return { least: char === '+' ? 1 : 0 }
  }
  const braces = /^\{(\d+)(,?)(\d*)\}/.exec(reader.source.slice(reader.at, reader.at + 20))
  if (braces === null) return undefined
  const [all, from = '', comma, to = ''] = braces
  const least = Number(from)
  const most = comma === '' ? least : to === '' ? undefined : Number(to)
  if (least > 1000 || (most ?? 0) > 1000) throw fault(reader, 'a repetition of more than 1000')
  if (most !== undefined && most < least) throw fault(reader, 'a repetition from more to less')
  reader.at += all.length
  return most === undefined ? { least } : { least, most }
}

function readAtom(reader: Reader, depth: number): Piece | undefined {
  const char = reader.source[reader.at] ?? ''
  switch (char) {
    case '(':
      return readGroup(reader, depth)
    case '[':
      return { kind: 'char', matches: readClass(reader) }
    case '.': {
      reader.at++
      const all = reader.flags.s
      return { kind: 'char', matches: (c) => all || c !== LINE_END }
    }
    case '^': {
      reader.at++
      const lines = reader.flags.m
      return { kind: 'assert', holds: (before) => before === -1 || (lines && before === LINE_END) }
    }
    case '$': {
      reader.at++
      const lines = reader.flags.m
      return { kind: 'assert', holds: (_, after) => after === -1 || (lines && after === LINE_END) }
    }
    case '*':
    case '+':
    case '?':
      throw fault(reader, `"${char}" has nothing to repeat`)
    case '\\':
      return readBackslash(reader)
    default: {
      const code = reader.source.codePointAt(reader.at) ?? 0
      reader.at += code > 0xffff ? 2 : 1
      return { kind: 'char', matches: oneChar(code, reader.flags.i) }
    }
  }
}

function readBackslash(reader: Reader): Piece {
  const next = reader.source[reader.at + 1]
  const asserts: Record<string, (before: number, after: number) => boolean> = {
    A: (before) => before === -1,
    z: (_, after) => after === -1,
    b: (before, after) => isWord(before) !== isWord(after),
    B: (before, after) => isWord(before) === isWord(after),
  }
  const holds = asserts[next ?? '']
  if (holds !== undefined) {
    reader.at += 2
    return { kind: 'assert', holds }
  }
  if (next !== undefined && /[1-9k]/.test(next)) {
    throw fault(reader, 'back-references are not supported')
  }
  const escape = readEscape(reader)
  return {
    kind: 'char',
    matches: typeof escape === 'number' ? oneChar(escape, reader.flags.i) : escape,
  }
}

function oneChar(code: number, ignoreCase: boolean): CharTest {
  if (!ignoreCase) return (c) => c === code
  const folded = String.fromCodePoint(code).toLowerCase()
  return (c) => c === code || String.fromCodePoint(c).toLowerCase() === folded
}

function readGroup(reader: Reader, depth: number): Piece | undefined {
  const rest = reader.source.slice(reader.at, reader.at + 80)
  if (/^\(\?(=|!|<=|<!|>)/.test(rest)) throw fault(reader, 'look-around is not supported')
  const opened = /^\((?:\?(?:P?<[A-Za-z_]\w*>|([ismU]*)(?:-([ismU]*))?(:|\))))?/.exec(rest)
  const [all = '(', on = '', off = '', end] = opened ?? []
  if (all === '(' && rest[1] === '?') throw fault(reader, 'this kind of group is not supported')
  const outside = reader.flags
  const inside = {
    i: (outside.i || on.includes('i')) && !off.includes('i'),
    s: (outside.s || on.includes('s')) && !off.includes('s'),
    m: (outside.m || on.includes('m')) && !off.includes('m'),
  }
  const start = reader.at
  reader.at += all.length
  reader.flags = inside
  // `(?i)` holds until the end of the group that it stands in.
  if (end === ')') return undefined
  const piece = readChoice(reader, depth + 1)
  if (reader.source[reader.at] !== ')') {
    reader.at = start
    throw fault(reader, 'a "(" without its ")"')
  }
  reader.at++
  reader.flags = outside
  return piece
}
