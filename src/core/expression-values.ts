/** Between plain JSON and the values that CEL calculates with. */
import type { Path } from './expression-paths.ts'

/** What expressions may see. */
export type Scope = Record<string, unknown>

/** Expressions see this much of any text: 1 MiB. */
const VISIBLE_TEXT = 1_048_576

/** Figures that are doubles by nature, also when they happen to be whole: `rps / 2` must not round. */
const FIGURES = new Set(['rps', 'mean_ms', 'p50_ms', 'p95_ms', 'p99_ms'])

/** A number that is a double for expressions, also when it happens to be whole. In JSON it is a number. */
export function double(value: number): unknown {
  return Object(value)
}

/** The parts of a scope that some paths need; `true` = all of it. */
type Need = true | Map<string, Need>

function needOf(paths: readonly Path[]): Map<string, Need> {
  const roots = new Map<string, Need>()
  for (const { segments } of paths) {
    let level = roots
    // Two levels are enough to keep a scope of a thousand steps from being converted whole.
    const names = segments.slice(0, 3)
    for (const [i, name] of names.entries()) {
      const key = String(name)
      const known = level.get(key)
      if (known === true) break
      if (i === names.length - 1 || typeof names[i + 1] === 'number') {
        level.set(key, true)
        break
      }
      const next = known ?? new Map<string, Need>()
      level.set(key, next)
      level = next
    }
  }
  return roots
}

/** The variables that some paths look at, as CEL values. Missing ones are left out. */
export function celScope(scope: Scope, paths: readonly Path[]): Map<string, unknown> {
  const converted = new Map<string, unknown>()
  for (const [name, need] of needOf(paths)) {
    if (!Object.hasOwn(scope, name)) continue
    const value = scope[name]
    if (value === undefined) continue
    if (FIGURES.has(name) && typeof value === 'number') converted.set(name, value)
    else converted.set(name, part(value, need))
  }
  return converted
}

function part(value: unknown, need: Need): unknown {
  if (need === true || !isRecord(value)) return toCel(value)
  const map = new Map<string, unknown>()
  for (const [key, inner] of need) {
    if (Object.hasOwn(value, key) && value[key] !== undefined) map.set(key, part(value[key], inner))
  }
  return map
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date)
  )
}

/** Whole numbers become CEL ints, objects become Maps: a key such as `__proto__` is then a key like any other. */
function toCel(value: unknown): unknown {
  switch (typeof value) {
    case 'number':
      return Number.isSafeInteger(value) ? BigInt(value) : value
    case 'string':
      return value.length > VISIBLE_TEXT ? value.slice(0, VISIBLE_TEXT) : value
    case 'object':
      if (value === null || value instanceof Date) return value
      if (value instanceof Number) return value.valueOf()
      if (Array.isArray(value)) return value.map((item) => toCel(item ?? null))
      return new Map(
        Object.entries(value)
          .filter(([, inner]) => inner !== undefined)
          .map(([key, inner]) => [key, toCel(inner)]),
      )
    case 'bigint':
    case 'boolean':
      return value
    default:
      return null
  }
}

/** Plain JSON again: a whole number beyond 2^53 becomes its digits as text, a time its ISO form. */
export function fromCel(value: unknown): unknown {
  if (typeof value === 'bigint') {
    const number = Number(value)
    return Number.isSafeInteger(number) ? number : String(value)
  }
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(fromCel)
  if (value instanceof Date) return value.toISOString()
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (value instanceof Map) {
    return Object.fromEntries([...value].map(([key, inner]) => [String(key), fromCel(inner)]))
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === Object.prototype || prototype === null) {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, fromCel(inner)]))
  }
  // eslint-disable-next-line @typescript-eslint/no-base-to-string -- durations, unsigned ints and types all have a text of their own
  return String(value)
}

/** A value short enough to be shown beside an expression. `mask` comes first: half a secret is a secret. */
export function shown(value: unknown, mask: (text: string) => string): unknown {
  if (typeof value === 'string') return cut(mask(value))
  if (typeof value !== 'object' || value === null) return value
  const text = mask(JSON.stringify(value))
  return text.length <= 200 && text === JSON.stringify(value) ? value : cut(text)
}

function cut(text: string): string {
  return text.length <= 200 ? text : `${text.slice(0, 200)}… (${text.length} characters)`
}
