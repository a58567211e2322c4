/** Times and durations as they are shown. */
import { formatDuration } from '../core/durations.ts'
import type { Plan } from '../core/plan.ts'
import type { RunState, StepState } from '../core/state.ts'
import type { Look } from '../lib/terminal.ts'

const two = (n: number): string => String(n).padStart(2, '0')

/** Time of day for a person at a terminal, else UTC in full. */
export function clockTime(at: string | number, look: Look): string {
  const date = new Date(at)
  if (!look.localTime) return utc(date)
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
}

/** Date and time for a person at a terminal, else UTC in full. */
export function dateTime(at: string | number, look: Look): string {
  const date = new Date(at)
  if (!look.localTime) return utc(date)
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
  return `${day} ${clockTime(at, look)}`
}

/** A sentence with times in UTC, as they are recorded, for its reader. */
export function inTheirTime(text: string, look: Look): string {
  if (!look.localTime) return text
  return text.replace(/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, (at) => dateTime(at, look))
}

function utc(date: Date): string {
  return Number.isNaN(date.getTime()) ? 'unknown time' : date.toISOString().replace(/\.\d+Z$/, 'Z')
}

/** `1.2 s`, or with an estimate `1.2 s of ~45m`. */
export function against(ms: number, estimate_s: number | undefined): string {
  return beside(formatDuration(Math.max(0, ms)), estimate_s)
}

/** The same for a time that still grows: in whole seconds, so that the line stands still between them. */
export function sofar(ms: number, estimate_s: number | undefined): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  return beside(seconds < 10 ? `${seconds} s` : formatDuration(seconds * 1000), estimate_s)
}

function beside(took: string, estimate_s: number | undefined): string {
  return estimate_s === undefined ? took : `${took} of ~${formatDuration(estimate_s * 1000)}`
}

export interface PhaseTime {
  id: string
  title: string
  steps: number
  /** Time in which at least one of its steps was at work; pauses between steps do not count. */
  ms: number
  estimate_s: number | undefined
}

/** The sum of the estimates that there are, in their unit; undefined when there is none. */
export function sumOfKnown(estimates: readonly (number | undefined)[]): number | undefined {
  const known = estimates.filter((one) => one !== undefined)
  return known.length > 0 ? known.reduce((a, b) => a + b, 0) : undefined
}

/** What each phase took. Its estimate is its own, else the sum of those of its steps. */
export function phaseTimes(plan: Plan, state: RunState): PhaseTime[] {
  const estimates = new Map(plan.steps.map((step) => [step.id, step.estimate_s]))
  return plan.phases.map(({ id, title, steps, estimate_s }) => {
    const states = steps.map((step) => state.steps.get(step)).filter((step) => step !== undefined)
    const sum = sumOfKnown(steps.map((step) => estimates.get(step)))
    return { id, title, steps: steps.length, ms: timeAtWork(states), estimate_s: estimate_s ?? sum }
  })
}

/** The length of the union of the steps' times: those that ran together count once. */
export function timeAtWork(steps: readonly StepState[]): number {
  return unionOf(steps.flatMap(spansOf))
}

/** A stretch of time, in milliseconds since 1970. */
export interface Span {
  from: number
  to: number
}

/** How long at least one of them lasted, in milliseconds. */
export function unionOf(spans: readonly Span[]): number {
  let total = 0
  let until = -Infinity
  for (const { from, to } of spans.toSorted((a, b) => a.from - b.from)) {
    total += Math.max(0, to - Math.max(from, until))
    until = Math.max(until, to)
  }
  return total
}

/**
 * When an attempt was at work. From its end backwards: its start may lie before a pause. Where its action
 * ended under a tool that had died, until somebody went on with it there was nobody at work.
 */
export function spansOf({ began_at, acted_ms = 0, ended_at, duration_ms }: Timed): Span[] {
  const to = Date.parse(ended_at ?? '')
  if (Number.isNaN(to) || duration_ms === undefined) return []
  const from = Date.parse(began_at ?? '')
  const verified_ms = duration_ms - acted_ms
  if (acted_ms === 0 || verified_ms < 0 || !(to - from > duration_ms))
    return [{ from: to - duration_ms, to }]
  return [
    { from, to: from + acted_ms },
    { from: to - verified_ms, to },
  ]
}

type Timed = Partial<Pick<StepState, 'began_at' | 'acted_ms' | 'ended_at' | 'duration_ms'>>
