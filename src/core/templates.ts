/** `${{ expression }}` inside values. A value never becomes code: what it means is the verb's business. */
import { parseDuration } from './durations.ts'
import { evaluate, type Scope } from './expressions.ts'
import type { Value } from './runbook.ts'

/** A template cut into its literal parts and the values between them. */
export type Piece = { text: string } | { value: unknown; source: string }

const OPEN = '${{'
const CLOSE = '}}'

/** True when there is a `${{` in a text. */
export function hasTemplate(text: string): boolean {
  return text.includes(OPEN)
}

type Cut =
  | { kind: 'text'; text: string }
  /** `offset` is where the expression itself begins in the text. */
  | { kind: 'expression'; source: string; offset: number }
  | { kind: 'unterminated'; offset: number }

/** `}}` inside a quoted text of the expression does not end it: `${{ {"a": {"b": 1}} }}`, `"}}"`. */
function endOf(text: string, from: number): number {
  let quote = ''
  let depth = 0
  for (let i = from; i < text.length; i++) {
    const char = text[i] ?? ''
    if (quote !== '') {
      if (char === '\\') i++
      else if (char === quote) quote = ''
    } else if (char === '"' || char === "'") quote = char
    else if (char === '{') depth++
    else if (char === '}' && depth > 0) depth--
    else if (text.startsWith(CLOSE, i)) return i
  }
  return -1
}

function cuts(text: string): Cut[] {
  const found: Cut[] = []
  let at = 0
  for (let open = text.indexOf(OPEN); open >= 0; open = text.indexOf(OPEN, at)) {
    if (open > at) found.push({ kind: 'text', text: text.slice(at, open) })
    const start = open + OPEN.length
    const end = endOf(text, start)
    if (end < 0) return [...found, { kind: 'unterminated', offset: open }]
    const inner = text.slice(start, end)
    const offset = start + (inner.length - inner.trimStart().length)
    found.push({ kind: 'expression', source: inner.trim(), offset })
    at = end + CLOSE.length
  }
  if (at < text.length || found.length === 0) found.push({ kind: 'text', text: text.slice(at) })
  return found
}

/**
 * The expressions of a text, each with its place in it; `unterminated` is the place of a `${{`
 * that nothing closes.
 */
export function expressionsIn(text: string): {
  expressions: { source: string; offset: number }[]
  unterminated?: number
} {
  if (!hasTemplate(text)) return { expressions: [] }
  const found = cuts(text)
  const last = found.at(-1)
  const expressions = found.flatMap((cut) =>
    cut.kind === 'expression' ? [{ source: cut.source, offset: cut.offset }] : [],
  )
  return last?.kind === 'unterminated'
    ? { expressions, unterminated: last.offset }
    : { expressions }
}

/** An expression of a template that gives no value. */
export interface TemplateError extends Error {
  templateError: true
  expression: string
}

/** Recognised by its mark. */
export function isTemplateError(error: unknown): error is TemplateError {
  return error instanceof Error && (error as { templateError?: unknown }).templateError === true
}

function templateError(expression: string, message: string): TemplateError {
  const text = hasTemplate(expression)
    ? `${expression}: ${message}`
    : `\${{ ${expression} }}: ${message}`
  return Object.assign(new Error(text), { templateError: true as const, expression })
}

/** Cuts a template into text and values. Throws a TemplateError. */
export function pieces(text: string, scope: Scope): Piece[] {
  if (!hasTemplate(text)) return [{ text }]
  return cuts(text).map((cut) => {
    if (cut.kind === 'text') return { text: cut.text }
    if (cut.kind === 'unterminated') {
      throw templateError(text.slice(cut.offset), 'the closing }} is missing')
    }
    const result = evaluate(cut.source, scope)
    if (!result.ok) throw templateError(cut.source, result.message)
    return { value: result.value, source: cut.source }
  })
}

/** A value as it reads inside a text: text as it is, null as nothing, lists and maps as JSON. */
export function textOf(value: unknown): string {
  if (typeof value === 'string') return value
  if (value === null || value === undefined) return ''
  return JSON.stringify(value)
}

/**
 * Replaces every template in a value, however deep; keys are left as they are. A text that is one
 * template and nothing else becomes that value with its type; any other text stays text.
 * Throws a TemplateError.
 */
export function resolve(value: Value, scope: Scope): unknown {
  if (typeof value === 'string') {
    if (!hasTemplate(value)) return value
    const parts = pieces(value, scope)
    const [only] = parts
    if (parts.length === 1 && only !== undefined && 'value' in only) return only.value
    return parts.map((piece) => ('text' in piece ? piece.text : textOf(piece.value))).join('')
  }
  if (Array.isArray(value)) return value.map((item) => resolve(item, scope))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, resolve(inner, scope)]),
  )
}

/**
 * A text with values in place of its templates, as far as they are known: the others stay as they are
 * written. `say` is how a value reads.
 */
export function filledIn(text: string, scope: Scope, say = textOf): string {
  const known = (source: string) => {
    const result = evaluate(source, scope)
    return result.ok ? say(result.value) : `\${{ ${source} }}`
  }
  return cuts(text)
    .map((cut) => {
      if (cut.kind === 'expression') return known(cut.source)
      return cut.kind === 'text' ? cut.text : text.slice(cut.offset)
    })
    .join('')
}

/** A duration with its templates filled in: `24h`; or what is wrong with it, in words. */
export function durationOf(template: string, scope: Scope): string | { problem: string } {
  try {
    const text = textOf(resolve(template, scope))
    return parseDuration(text) === undefined ? { problem: `"${text}" is not a duration` } : text
  } catch (error) {
    if (isTemplateError(error)) return { problem: error.message }
    throw error
  }
}
