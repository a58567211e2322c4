/** What the reading of one runbook gathers: problems, and the files that its actions name. */
import type { Problem } from '../core/problems.ts'
import type { Expression } from '../core/runbook.ts'
import {
  keyOffset,
  placeText,
  problemAt,
  sourceAt,
  valueOffset,
  type Document,
  type Said,
  type Way,
} from './tree.ts'
import type { Script } from './bash.ts'
import type { Folder, Library } from './checks.ts'

/** A script or SQL file that an action names. */
export interface NamedFile {
  /** Under which the plan keeps its content. */
  key: string
  /** Where it is on this machine. */
  path: string
  /** Neither it nor what it links to may lie outside of this folder. */
  within: string
  /** Where it is named. */
  document: Document
  way: Way
}

export interface Reading {
  document: Document
  /** The folder that file names are relative to. */
  folder: Folder
  problems: Problem[]
  files: NamedFile[]
  /** What bash is to read. */
  scripts: Script[]
  /** Content of the check files that are used, by the name under which the plan keeps them. */
  contents: Record<string, string>
  library: Library
}

/** Notes a problem with a value. */
export function blame(reading: Reading, way: Way, said: Said): void {
  const { document, problems } = reading
  problems.push(problemAt(document, valueOffset(document, way), said))
}

/** Notes a problem with a key, or with the whole entry. */
export function blameKey(reading: Reading, way: Way, said: Said): void {
  const { document, problems } = reading
  problems.push(problemAt(document, keyOffset(document, way), said))
}

/** Notes that a value does not fit its declaration; numbers where text is meant are to be quoted. */
export function blameValue(reading: Reading, way: Way, value: unknown, problem: string): void {
  const source = sourceAt(reading.document, way)
  const bare = typeof value === 'number' || typeof value === 'boolean'
  const hint = bare ? `as text, quote it: "${source}"` : undefined
  const message =
    typeof value === 'number' ? problem.replace(`; ${value} `, `; ${source} `) : problem
  blame(reading, way, { message, hint })
}

/** An expression with its place. */
export function expressionAt({ document }: Reading, way: Way, source: string): Expression {
  return { source, at: placeText(document, valueOffset(document, way)) }
}

/** One or a list of them, each with its way. */
export function each<T>(given: T | T[] | undefined, way: Way): { item: T; way: Way }[] {
  if (given === undefined) return []
  if (!Array.isArray(given)) return [{ item: given, way }]
  return given.map((item, i) => ({ item, way: [...way, i] }))
}

type Defined<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>
}

/** The same without the keys whose value is undefined. */
export function defined<T extends object>(given: T): Defined<T> {
  const kept: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(given)) if (value !== undefined) kept[key] = value
  return kept as Defined<T>
}

/** An id made readable: `unit_tests` -> "Unit tests". */
export function readable(id: string): string {
  const words = id.replaceAll('_', ' ')
  return words.charAt(0).toUpperCase() + words.slice(1)
}
