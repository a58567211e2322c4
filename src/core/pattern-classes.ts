/** Single characters of a pattern: `\d`, `\x41`, `[a-z_]`, `\p{L}`. */
export type CharTest = (char: number) => boolean

/** Where the reader stands. Flags: i ignore case, s dot takes newlines, m ^ and $ at each line. */
export interface Reader {
  source: string
  at: number
  flags: { i: boolean; s: boolean; m: boolean }
}

export interface PatternFault {
  patternFault: true
  message: string
  offset: number
}

/** Thrown inside the reader and turned into a result by `parsePattern`. */
export function fault(reader: Reader, message: string): PatternFault & Error {
  return Object.assign(new Error(message), { patternFault: true as const, offset: reader.at })
}

const SHORT: Record<string, CharTest> = {
  d: (c) => c >= 48 && c <= 57,
  w: (c) => (c >= 48 && c <= 57) || (c >= 65 && c <= 90) || c === 95 || (c >= 97 && c <= 122),
  s: (c) => c === 32 || (c >= 9 && c <= 13),
}

const CONTROL: Record<string, number> = { t: 9, n: 10, v: 11, f: 12, r: 13, a: 7, 0: 0 }

/** A character, or a test for a set of them. The reader stands at the backslash. */
export function readEscape(reader: Reader): number | CharTest {
  const rest = reader.source.slice(reader.at, reader.at + 60)
  const next = rest[1]
  if (next === undefined) throw fault(reader, 'a "\\" at the end')
  const take = (length: number): void => {
    reader.at += length
  }
  const short = SHORT[next.toLowerCase()]
  if (short !== undefined) {
    take(2)
    return next === next.toLowerCase() ? short : (c) => !short(c)
  }
  const hex = /^\\(?:x([0-9A-Fa-f]{2})|x\{([0-9A-Fa-f]{1,6})\}|u([0-9A-Fa-f]{4}))/.exec(rest)
  if (hex !== null) {
    take(hex[0].length)
    const code = Number.parseInt(hex[1] ?? hex[2] ?? hex[3] ?? '', 16)
    if (code > 0x10ffff) throw fault(reader, 'there is no such character')
    return code
  }
  const property = /^\\([pP])(?:\{(\^?)(\w+)\}|(\w))/.exec(rest)
  if (property !== null) {
    const [all, kind, not, long, one] = property
    const test = propertyTest(reader, long ?? one ?? '')
    take(all.length)
    return (kind === 'P') === (not === '^') ? test : (c) => !test(c)
  }
  const control = CONTROL[next]
  if (control !== undefined) {
    take(2)
    return control
  }
  if (/[A-Za-z0-9]/.test(next)) throw fault(reader, `"\\${next}" is not supported`)
  const code = reader.source.codePointAt(reader.at + 1) ?? 0
  take(code > 0xffff ? 3 : 2)
  return code
}

function propertyTest(reader: Reader, name: string): CharTest {
  for (const property of [name, `Script=${name}`]) {
    try {
      const one = new RegExp(`^\\p{${property}}$`, 'u')
      return (c) => one.test(String.fromCodePoint(c))
    } catch {
      // Not a category; perhaps a script. Anything else is refused below.
    }
  }
  throw fault(reader, `there is no character property "${name}"`)
}

/** `[^a-z\d]`. The reader stands at the `[`. */
export function readClass(reader: Reader): CharTest {
  const start = reader.at
  reader.at++
  const negated = reader.source[reader.at] === '^'
  if (negated) reader.at++
  const tests: CharTest[] = []
  for (let first = true; first || reader.source[reader.at] !== ']'; first = false) {
    if (reader.at >= reader.source.length) {
      reader.at = start
      throw fault(reader, 'a "[" without its "]"')
    }
    tests.push(readMember(reader))
  }
  reader.at++
  const { i } = reader.flags
  const some: CharTest = (c) => tests.some((test) => test(c))
  const any: CharTest = i ? (c) => some(c) || otherCases(c).some(some) : some
  return negated ? (c) => !any(c) : any
}

function readMember(reader: Reader): CharTest {
  if (reader.source.startsWith('[:', reader.at)) {
    throw fault(reader, 'classes such as [:alpha:] are not supported; write the characters')
  }
  const from = readOne(reader)
  if (typeof from !== 'number') return from
  const dash = reader.source[reader.at] === '-' && reader.source[reader.at + 1] !== ']'
  if (!dash || reader.at + 1 >= reader.source.length) return (c) => c === from
  reader.at++
  const to = readOne(reader)
  if (typeof to !== 'number' || to < from) throw fault(reader, 'a range that runs backwards')
  return (c) => c >= from && c <= to
}

function readOne(reader: Reader): number | CharTest {
  if (reader.source[reader.at] === '\\') {
    if (reader.source[reader.at + 1] === 'b') {
      reader.at += 2
      return 8
    }
    return readEscape(reader)
  }
  const code = reader.source.codePointAt(reader.at) ?? 0
  reader.at += code > 0xffff ? 2 : 1
  return code
}

function otherCases(c: number): number[] {
  const char = String.fromCodePoint(c)
  return [char.toLowerCase(), char.toUpperCase()].map((text) => text.codePointAt(0) ?? c)
}
