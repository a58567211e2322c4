/** CEL: parsed once, calculated over plain JSON, checked against declared names and types. */
import { Environment, EvaluationError, type ParseResult } from '@marcbachmann/cel-js'
import type { Answer } from './events.ts'
import { plainMessage } from './expression-errors.ts'
import { pathsIn, pathText, walk, type Node, type Path } from './expression-paths.ts'
import { celScope, fromCel, shown, type Scope } from './expression-values.ts'
import { compilePattern } from './patterns.ts'
import type { Expression } from './runbook.ts'

export type { Scope } from './expression-values.ts'

/** Longer expressions are refused. */
const LONGEST = 10_000

/** `matches` under another name: the library's own backtracks and cannot be replaced. */
const MATCHES = 'matches_in_linear_time'

/** Names that stand for a declared type while an expression is checked; see expression-types.ts. */
export const TYPED_NAMES = {
  int: 'int__',
  double: 'double__',
  string: 'string__',
  bool: 'bool__',
  list: 'list__',
  map: 'map__',
  timestamp: 'timestamp__',
} as const

let made: Environment | undefined

/** Made with the first expression: most commands meet none. */
function environment(): Environment {
  return (made ??= makeEnvironment())
}

function makeEnvironment(): Environment {
  const made = new Environment({
    unlistedVariablesAreDyn: true,
    homogeneousAggregateLiterals: false,
  })
  // The library says false to these, and a check that is false for ever looks like a failed deploy.
  const refuse = (signature: string): void => {
    made.registerOperator(signature, (): never => {
      throw new EvaluationError({
        code: 'no_such_overload',
        message: `no such overload: ${signature}`,
      })
    })
  }
  for (const [text, other] of [
    ['string', 'int'],
    ['string', 'double'],
    ['string', 'bool'],
    ['bool', 'int'],
    ['bool', 'double'],
  ] as const) {
    refuse(`dyn<${text}> == ${other}`)
    refuse(`dyn<${text}> in list<${other}>`)
    refuse(`dyn<${other}> in list<${text}>`)
    refuse(`dyn<list<${text}>> == list<${other}>`)
  }
  made.registerOperator('int == double', (a: bigint, b: number) => Number(a) === b)
  const mixed: Record<string, (a: number, b: number) => number> = {
    '+': (a, b) => a + b,
    '-': (a, b) => a - b,
    '*': (a, b) => a * b,
    '/': (a, b) => a / b,
  }
  for (const [operator, calculate] of Object.entries(mixed)) {
    const handler = (a: number | bigint, b: number | bigint): number =>
      calculate(Number(a), Number(b))
    made.registerOperator(`int ${operator} double: double`, handler)
    made.registerOperator(`double ${operator} int: double`, handler)
  }
  made.registerFunction(`string.${MATCHES}(string): bool`, (text: string, source: string) => {
    const pattern = compilePattern(source)
    if (!pattern.ok) throw invalid(`"${source}" is not a pattern: ${pattern.message}`)
    try {
      return pattern.test(text)
    } catch (error) {
      throw invalid((error as Error).message)
    }
  })
  for (const [type, name] of Object.entries(TYPED_NAMES)) {
    made.registerVariable(name, type === 'timestamp' ? 'google.protobuf.Timestamp' : type)
  }
  return made
}

function invalid(message: string): EvaluationError {
  return new EvaluationError({ code: 'invalid', message })
}

export type Parsed =
  | { ok: true; run: ParseResult; root: Node; paths: Path[] }
  | { ok: false; message: string; offset: number }

const parsed = new Map<string, Parsed>()

/** Parses an expression, or gives the result of the first time. */
export function parseExpression(source: string): Parsed {
  const known = parsed.get(source)
  if (known !== undefined) return known
  const made = parseFresh(source)
  if (parsed.size > 20_000) parsed.clear()
  parsed.set(source, made)
  return made
}

function parseFresh(source: string): Parsed {
  if (source.trim() === '') return { ok: false, message: 'an expression is missing', offset: 0 }
  if (source.length > LONGEST) {
    return { ok: false, message: `an expression has at most ${LONGEST} characters`, offset: 0 }
  }
  try {
    const run = environment().parse(source)
    const root = run.ast as unknown as Node
    for (const node of walk(root)) {
      const args = node.args as [string]
      if (node.op === 'rcall' && args[0] === 'matches') args[0] = MATCHES
    }
    return { ok: true, run, root, paths: pathsIn(root) }
  } catch (error) {
    const { message, offset } = described(error)
    return { ok: false, message, offset }
  }
}

interface CelError {
  code?: string
  summary?: string
  message: string
  range?: { start: number; end: number }
}

/** What an error of the library says, and where. Anything can be thrown, a stack overflow included. */
function described(error: unknown): { code: string; message: string; offset: number } {
  const { code, summary, message, range } = error as CelError
  const text = (summary ?? message).replaceAll(MATCHES, 'matches')
  return { code: code ?? 'unknown', message: plainMessage(text), offset: range?.start ?? 0 }
}

export type Evaluated =
  | { ok: true; value: unknown }
  | { ok: false; kind: 'missing' | 'error'; message: string; name?: string }

const MISSING = new Set(['no_such_key', 'unknown_variable', 'index_out_of_bounds'])

/**
 * Calculates an expression over a scope. The value is plain JSON. `missing`: a key that is not there,
 * with its name; `error`: everything else that goes wrong. Never throws.
 */
export function evaluate(source: string, scope: Scope): Evaluated {
  const expression = parseExpression(source)
  if (!expression.ok) return { ok: false, kind: 'error', message: expression.message }
  try {
    const value: unknown = expression.run(celScope(scope, expression.paths))
    return { ok: true, value: fromCel(value) }
  } catch (error) {
    const { code, message, offset } = described(error)
    if (!MISSING.has(code)) return { ok: false, kind: 'error', message }
    const name = missingName(source, expression.root, error as CelError) ?? source.slice(offset)
    return { ok: false, kind: 'missing', message: `${name} is missing`, name }
  }
}

/** The path up to the key that is not there; the library tells only where that key stands. */
function missingName(source: string, root: Node, { range }: CelError): string | undefined {
  if (range === undefined) return undefined
  for (const node of walk(root)) {
    if (node.end === range.end && (node.op === '.' || node.start === range.start)) {
      return source.slice(node.start, node.end)
    }
  }
  return undefined
}

/** What some expressions say together, and what decided. */
export interface Judgement {
  answer: Answer
  expression?: string
  at?: string
  values?: Record<string, unknown>
  reason?: string
}

/**
 * Asks whether all expressions are true. The first that is false, or that cannot be asked, decides:
 * `values` are then what it looked at, `reason` why; else `values` are what all of them looked at. `mask` hides secrets before values are cut short.
 */
export function judge(
  expressions: readonly Expression[],
  scope: Scope,
  mask: (text: string) => string = (text) => text,
): Judgement {
  for (const { source, at } of expressions) {
    const result = evaluate(source, scope)
    if (result.ok && result.value === true) continue
    const found = { expression: source, at, values: valuesIn(source, scope, mask) }
    if (result.ok && result.value === false) return { answer: 'does_not_hold', ...found }
    if (result.ok) {
      const reason = 'the expression gives no answer: it is neither true nor false'
      return { answer: 'cannot_tell', ...found, reason }
    }
    const answer = result.kind === 'missing' ? 'does_not_hold' : 'cannot_tell'
    return { answer, ...found, reason: result.message }
  }
  const values: Record<string, unknown> = {}
  for (const { source } of expressions) Object.assign(values, valuesIn(source, scope, mask))
  return { answer: 'holds', ...(Object.keys(values).length > 0 && { values }) }
}

/** What an expression looks at, short enough to be shown: `json.version` -> "1.1.0". */
function valuesIn(
  source: string,
  scope: Scope,
  mask: (text: string) => string,
): Record<string, unknown> {
  const expression = parseExpression(source)
  if (!expression.ok) return {}
  const values: Record<string, unknown> = {}
  const names = new Set(expression.paths.map(({ segments }) => pathText(segments)))
  for (const name of [...names].slice(0, 12)) {
    const part = evaluate(name, scope)
    if (part.ok) values[name] = shown(part.value, mask)
  }
  return values
}

/** The paths that an expression uses, as text: `inputs.app_url`, `steps.before.release`. */
export function references(source: string): string[] {
  const expression = parseExpression(source)
  if (!expression.ok) return []
  return [...new Set(expression.paths.map(({ segments }) => pathText(segments)))]
}
