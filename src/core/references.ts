/** Which expressions a piece of a runbook holds, wherever in it they stand. */
import { references } from './expressions.ts'
import { expressionsIn } from './templates.ts'
import type { Expression } from './runbook.ts'

/** The sources of all expressions in plain data: those of templates and those that stand alone. */
export function expressionsOf(data: unknown): string[] {
  if (typeof data === 'string') return expressionsIn(data).expressions.map(({ source }) => source)
  if (Array.isArray(data)) return data.flatMap(expressionsOf)
  if (typeof data !== 'object' || data === null) return []
  const { source, at } = data as Partial<Expression>
  if (typeof source === 'string' && /:\d+:\d+$/.test(at ?? '')) return [source]
  return Object.values(data).flatMap(expressionsOf)
}

/** The ids of the steps whose outputs are read in some data. */
export function stepsReadIn(data: unknown): Set<string> {
  const ids = new Set<string>()
  for (const source of expressionsOf(data)) {
    for (const path of references(source)) {
      const id = /^steps(?:\.|\[")(\w+)/.exec(path)?.[1]
      if (id !== undefined) ids.add(id)
    }
  }
  return ids
}
