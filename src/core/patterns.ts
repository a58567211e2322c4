/**
 * Regular expressions that cannot run away. A pattern becomes an automaton that reads the text once
 * and follows all possibilities together, so the time is at most (size of the pattern × length of
 * the text): `(a+)+$` is as harmless as `a+$`. The syntax is RE2's, as CEL wants it; what needs
 * backtracking (back-references, look-around) is refused.
 */
import { parsePattern, type Piece } from './pattern-syntax.ts'

/** Patterns longer than this are refused. */
const LONGEST_PATTERN = 1000
/** So many states at most after repetitions have been written out: `a{500}` counts 500. */
const MOST_STATES = 5000
/** States × characters: about two seconds. */
const MOST_WORK = 200_000_000

export type Pattern =
  { ok: true; test(text: string): boolean } | { ok: false; message: string; offset: number }

type State =
  | { kind: 'char'; matches: (char: number) => boolean; next: number }
  | { kind: 'split'; next: number[] }
  | { kind: 'assert'; holds: (before: number, after: number) => boolean; next: number }
  | { kind: 'match' }

const cache = new Map<string, Pattern>()

/** Compiles a pattern; `test` throws when pattern and text together are too large to be searched. */
export function compilePattern(source: string): Pattern {
  const known = cache.get(source)
  if (known !== undefined) return known
  const made = compile(source)
  if (cache.size > 1000) cache.clear()
  cache.set(source, made)
  return made
}

/** True when a pattern fits all of a text, not just a part; undefined when it is no pattern. */
export function fits(source: string, text: string): boolean | undefined {
  if (!compilePattern(source).ok) return undefined
  const pattern = compilePattern(`\\A(?:${source})\\z`)
  return pattern.ok ? pattern.test(text) : undefined
}

function compile(source: string): Pattern {
  if (source.length > LONGEST_PATTERN + 10) {
    return { ok: false, message: `a pattern has at most ${LONGEST_PATTERN} characters`, offset: 0 }
  }
  const parsed = parsePattern(source)
  if (!parsed.ok) return parsed
  const states: State[] = []
  const start = build(parsed.piece, add(states, { kind: 'match' }), states)
  if (start === undefined) {
    return { ok: false, message: 'the repetitions of this pattern are too large', offset: 0 }
  }
  return { ok: true, test: (text) => search(states, start, text) }
}

function add(states: State[], state: State): number {
  return states.push(state) - 1
}

/** Builds from the end to the front; gives the first state, or undefined when there are too many. */
function build(piece: Piece, next: number, states: State[]): number | undefined {
  if (states.length > MOST_STATES) return undefined
  switch (piece.kind) {
    case 'char':
      return add(states, { kind: 'char', matches: piece.matches, next })
    case 'assert':
      return add(states, { kind: 'assert', holds: piece.holds, next })
    case 'sequence': {
      let at: number | undefined = next
      for (const part of piece.parts.toReversed()) {
        if (at === undefined) return undefined
        at = build(part, at, states)
      }
      return at
    }
    case 'choice': {
      const starts = piece.parts.map((part) => build(part, next, states))
      const built = starts.filter((start) => start !== undefined)
      return built.length < starts.length ? undefined : add(states, { kind: 'split', next: built })
    }
    case 'repeat':
      return buildRepeat(piece, next, states)
  }
}

function buildRepeat(
  { part, least, most }: Extract<Piece, { kind: 'repeat' }>,
  next: number,
  states: State[],
): number | undefined {
  let at = next
  if (most === undefined) {
    const loop: State = { kind: 'split', next: [next] }
    const place = add(states, loop)
    const again = build(part, place, states)
    if (again === undefined) return undefined
    loop.next.push(again)
    at = place
  } else {
    for (let i = least; i < most; i++) {
      const once = build(part, at, states)
      if (once === undefined) return undefined
      at = add(states, { kind: 'split', next: [next, once] })
    }
  }
  for (let i = 0; i < least; i++) {
    const once = build(part, at, states)
    if (once === undefined) return undefined
    at = once
  }
  return at
}

function search(states: State[], start: number, text: string): boolean {
  if (states.length * text.length > MOST_WORK) {
    throw new Error(`matches() has too much to do: ${text.length} characters for this pattern`)
  }
  const marks = new Uint32Array(states.length)
  let stamp = 0
  let live: number[] = []

  /** Adds a state and all that can be reached without reading; true when the end is among them. */
  const enter = (first: number, into: number[], before: number, after: number): boolean => {
    const todo = [first]
    for (let at = todo.pop(); at !== undefined; at = todo.pop()) {
      if (marks[at] === stamp) continue
      marks[at] = stamp
      const state = states[at]
      if (state === undefined) continue
      if (state.kind === 'match') return true
      if (state.kind === 'char') into.push(at)
      else if (state.kind === 'split') todo.push(...state.next)
      else if (state.holds(before, after)) todo.push(state.next)
    }
    return false
  }

  let before = -1
  let i = 0
  let char = text.codePointAt(0) ?? -1
  let reached: number[] = []
  for (;;) {
    // `reached` are the states after the character before; the search may also begin here.
    stamp++
    live = []
    for (const at of reached) if (enter(at, live, before, char)) return true
    if (enter(start, live, before, char)) return true
    if (char === -1) return false
    reached = []
    for (const at of live) {
      const state = states[at]
      if (state?.kind === 'char' && state.matches(char)) reached.push(state.next)
    }
    i += char > 0xffff ? 2 : 1
    before = char
    char = text.codePointAt(i) ?? -1
  }
}
