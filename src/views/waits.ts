/** What a step waits for, as people read it: until when, how long still, whose word. */
import { formatDuration } from '../core/durations.ts'
import { msLeft } from '../core/waiting.ts'
import type { Look } from '../lib/terminal.ts'
import { dateTime } from './times.ts'

/** `23h 59m`, and of the last seconds every one: never 0 before it is over. */
export function countdown(ms: number): string {
  const seconds = Math.ceil(ms / 1000)
  return seconds < 10 ? `${seconds} s` : formatDuration(seconds * 1000)
}

/** `24h after the end of step cutover; until 2026-11-22 10:30:00, 23h 59m left; to sign: dba`. */
export function waitText(
  { reason = '', until, roles }: { reason?: string; until?: string; roles?: string[] },
  look: Look,
  now: number,
): string {
  const signing =
    roles === undefined ? [] : [roles.length > 0 ? `to sign: ${roles.join(', ')}` : 'signed']
  return [reason, ...(until === undefined ? [] : [untilText(until, look, now)]), ...signing].join(
    '; ',
  )
}

function untilText(until: string, look: Look, now: number): string {
  const left = msLeft(until, now)
  return `until ${dateTime(until, look)}, ${left === 0 ? 'due now' : `${countdown(left)} left`}`
}

/**
 * When a view of lines says again how long is left, in milliseconds since it said it last: often
 * enough to see that it lives, seldom enough for a log.
 */
export function sayAgainAfter(left_ms: number): number {
  if (left_ms > 2 * 3_600_000) return 3_600_000
  return left_ms > 600_000 ? 600_000 : 60_000
}
