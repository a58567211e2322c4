/** What watching comes to: samples folded into figures, and whether it is over. The engine has the clock. */
import type { Answer, Breach, Tick } from './events.ts'
import { double } from './expression-values.ts'
import type { Check } from './runbook.ts'

interface ProbeSeen {
  samples: number
  bad: number
  /** The answers of the bad samples since the last good one. */
  row: Exclude<Answer, 'holds'>[]
  /** Every value of each figure, in order. */
  figures: Record<string, number[]>
}

/** All that a soak has seen. Kept small: a soak of a day has thousands of ticks. */
export interface Watched {
  /** From sample to sample; the time between two processes does not count. */
  watched_ms: number
  /** Of all probes together. */
  samples: number
  bad: number
  probes: Record<string, ProbeSeen>
  /** The last few ticks. */
  recent: Tick[]
  /** What ended it before its time; the first stands. */
  breach?: Breach
}

/** How many ticks are shown around a bad one. */
const RECENT = 5

export function nothingWatched(): Watched {
  return { watched_ms: 0, samples: 0, bad: 0, probes: {}, recent: [] }
}

/** Folds ticks into what was seen, in place. */
export function foldTicks(watched: Watched, ticks: readonly Tick[], breach?: Breach): Watched {
  for (const tick of ticks) foldTick(watched, tick)
  if (breach !== undefined) watched.breach ??= breach
  return watched
}

function foldTick(watched: Watched, tick: Tick): void {
  watched.watched_ms = tick.watched_ms
  watched.recent = [...watched.recent, tick].slice(-RECENT)
  for (const [name, { figures, bad }] of Object.entries(tick.probes)) {
    const seen = (watched.probes[name] ??= { samples: 0, bad: 0, row: [], figures: {} })
    seen.samples += 1
    watched.samples += 1
    if (bad === undefined || bad.answer === 'holds') seen.row = []
    else {
      seen.bad += 1
      watched.bad += 1
      seen.row.push(bad.answer)
    }
    for (const [figure, value] of Object.entries(figures)) (seen.figures[figure] ??= []).push(value)
  }
}

/**
 * What the last tick breaks: a probe with more than `tolerate` bad samples in a row. A plain no of one
 * probe goes before a probe of which one cannot tell.
 */
export function breachOf({ probes, recent }: Watched, tolerate: number): Breach | undefined {
  const broken = Object.entries(probes).flatMap(([probe, { row }]): Breach[] => {
    if (row.length <= tolerate) return []
    const answer = row.includes('does_not_hold') ? 'does_not_hold' : 'cannot_tell'
    return [{ probe, answer, row: row.length, ticks: recent }]
  })
  return broken.find(({ answer }) => answer === 'does_not_hold') ?? broken[0]
}

/** What can be asked of each figure. */
export const SUMMARIES = ['first', 'last', 'min', 'max', 'mean', 'p95'] as const

/** What `expect` and `outputs` see: `<probe>.<figure>.mean`, `<probe>.samples`, `samples`, `bad`. */
export function soakFields({ samples, bad, probes }: Watched): Record<string, unknown> {
  const fields: Record<string, unknown> = { samples, bad }
  for (const [name, seen] of Object.entries(probes)) {
    const figures = Object.entries(seen.figures).map(
      ([figure, values]) => [figure, summarised(values)] as const,
    )
    fields[name] = { ...Object.fromEntries(figures), samples: seen.samples, bad: seen.bad }
  }
  return fields
}

/** Doubles by nature, also when they happen to be whole: half of a mean must not round. */
function summarised(values: readonly number[]): Record<(typeof SUMMARIES)[number], unknown> {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (index: number): unknown => double(sorted[index] ?? Number.NaN)
  return {
    first: double(values[0] ?? Number.NaN),
    last: double(values.at(-1) ?? Number.NaN),
    min: at(0),
    max: at(sorted.length - 1),
    mean: double(sorted.reduce((sum, value) => sum + value, 0) / sorted.length),
    p95: at(Math.ceil(sorted.length * 0.95) - 1),
  }
}

/** The checks that can be asked at any moment: a soak takes its time. */
export function momentary(checks: readonly Check[]): Check[] {
  return checks.filter(({ action }) => action.verb !== 'soak')
}
