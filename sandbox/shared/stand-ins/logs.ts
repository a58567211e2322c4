// The lines of a unit, as a log command of any tool shows them.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { UnitStatus } from '../host/control-client.ts'
import { fail } from './tool.ts'
import { place } from './world.ts'

/** When a line says it was written, in ms; undefined where it says nothing of it. */
export function timeOf(line: string): number | undefined {
  const time = /"time":"([^"]+)"/.exec(line)?.[1]
  if (time !== undefined) return Date.parse(time)
  // As Python's logging has it, in local time.
  const [, day, hour] = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d,\d{3}) /.exec(line) ?? []
  return hour === undefined ? undefined : Date.parse(`${day}T${hour.replace(',', '.')}`)
}

/** A moment as these tools take it: a time, or so long ago (`10m`, `1h30m`, `2 minutes ago`). */
export function moment(text: string): number {
  const ago = /^((\d+h)?(\d+m)?(\d+(\.\d+)?s)?)$/.exec(text)
  if (text !== '' && ago !== null) {
    const part = (unit: string): number =>
      Number(new RegExp(`([\\d.]+)${unit}`).exec(text)?.[1] ?? 0)
    return Date.now() - (part('h') * 3600 + part('m') * 60 + part('s')) * 1000
  }
  const words = /^(\d+) (second|minute|hour|day)s? ago$/.exec(text)
  const sizes: Record<string, number> = { second: 1, minute: 60, hour: 3600, day: 86_400 }
  if (words !== null) return Date.now() - Number(words[1]) * (sizes[words[2] ?? ''] ?? 0) * 1000
  // A date and a time without a T between them, or seconds after @, as journalctl takes them.
  const at = text.startsWith('@')
    ? Number(text.slice(1)) * 1000
    : Date.parse(text.replace(' ', 'T'))
  return Number.isNaN(at) ? fail(1, `${text} is no time`) : at
}

export interface Wanted {
  since?: string | undefined
  /** How many lines at the end; all when left out. */
  tail?: string | undefined
}

/** The lines of these units' own logs and of what they printed, in that order. */
export function linesOf(units: readonly UnitStatus[], { since, tail }: Wanted): string[] {
  const from = since === undefined ? -Infinity : moment(since)
  const files = [...new Set(units.flatMap((unit) => unit.logs))].map((name) =>
    join(place(), 'logs', name),
  )
  const lines = files
    .filter((file) => existsSync(file))
    .flatMap((file) => readFileSync(file, 'utf8').split('\n'))
    .filter((line) => line !== '' && (timeOf(line) ?? Infinity) >= from)
  if (tail === undefined || tail === 'all' || tail === '-1') return lines
  if (!/^\d+$/.test(tail)) fail(1, `${tail} is no number of lines`)
  return lines.slice(lines.length - Math.min(lines.length, Number(tail)))
}
