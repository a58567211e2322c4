/** What is watched, in words. */
import { describeAsked } from '../core/asked.ts'
import { formatDuration } from '../core/durations.ts'
import type { Tick } from '../core/events.ts'
import type { Watched } from '../core/soak.ts'
import type { Watching } from '../core/view.ts'
import type { Look } from '../lib/terminal.ts'
import { clockTime } from './times.ts'
import { plural } from './words.ts'

const two = (n: number): string => String(n).padStart(2, '0')

/** `00:03:10`: a clock that stands still between its seconds. */
function clock(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1000))
  return [Math.floor(s / 3600), Math.floor((s % 3600) / 60), s % 60].map(two).join(':')
}

function figure(name: string, value: number): string {
  const text = Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)))
  return name === 'duration_ms' ? `${text} ms` : `${name} ${text}`
}

/** `web 12 ms error_rate 0.01`. */
function figuresText(probe: string, figures: Record<string, number>): string {
  return [probe, ...Object.entries(figures).map(([name, value]) => figure(name, value))].join(' ')
}

/**
 * `watching 00:03:10 of 24h, web 12 ms, 0 bad`, and shorter ones for less room. `since_ms`: how long
 * ago the last sample was taken.
 */
export function watchTexts(watching: Watching, since_ms: number): string[] {
  const { watched_ms, for_ms, last, bad } = watching
  const seen = Math.min(watched_ms + since_ms, for_ms ?? Infinity)
  const time = `watching ${clock(seen)}${for_ms === undefined ? '' : ` of ${formatDuration(for_ms)}`}`
  const whole = Object.entries(last).map(([probe, figures]) => figuresText(probe, figures))
  const brief = Object.entries(last).map(([probe, { duration_ms = 0 }]) =>
    figuresText(probe, { duration_ms }),
  )
  const end = `${bad} bad`
  return [whole, brief, []].map((figures) => [time, ...figures, end].join(', '))
}

const SELDOM = 24
const LEAST_MS = 60_000

/** Tells of a soak when a line about it is due: each minute, and at most some two dozen in all. */
export function toldNowAndThen(now: () => number): (step: string, watching: Watching) => boolean {
  const told = new Map<string, number>()
  return (step, { for_ms = 0 }) => {
    const last = told.get(step)
    if (last === undefined) told.set(step, now())
    if (last === undefined || now() - last < Math.max(LEAST_MS, for_ms / SELDOM)) return false
    told.set(step, now())
    return true
  }
}

/** What was bad among these; empty when nothing was. */
export function badTicks(ticks: readonly Tick[]): string {
  const bad = ticks.flatMap(({ probes }) =>
    Object.entries(probes).flatMap(([probe, sample]) =>
      sample.bad === undefined ? [] : [{ probe, asked: sample.bad }],
    ),
  )
  const [first] = bad
  if (first === undefined) return ''
  const more = bad.length === 1 ? 'a bad sample' : `${bad.length} bad samples, the first`
  return `${more} of ${first.probe}: ${describeAsked(first.asked)}`
}

/** A tick as a line: when, after how long, and of each probe what it gave; `probe` comes first. */
export function tickText({ at, watched_ms, probes }: Tick, probe: string, look: Look): string {
  const names = Object.keys(probes).toSorted((a, b) => Number(b === probe) - Number(a === probe))
  const parts = names.map((name) => {
    const { figures = {}, bad } = probes[name] ?? {}
    return `${figuresText(name, figures)}${bad === undefined ? '' : ' BAD'}`
  })
  const time = look.localTime ? clockTime(at, look) + at.slice(19, 23) : `${at.slice(11, 23)} UTC`
  return `${time}, after ${formatDuration(watched_ms)}: ${parts.join(', ')}`
}

/** `3h 20m in 380 samples, 2 bad`. */
export function watchedText({ watched_ms, samples, bad }: Watched): string {
  return `${formatDuration(watched_ms)} in ${plural(samples, 'sample')}, ${bad} bad`
}
