import { EXIT, failure } from './errors.ts'

const UNITS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Ten years: what is longer was mistyped. */
const LONGEST_DURATION_MS = 3650 * 86_400_000

/**
 * Milliseconds of `250ms`, `30s`, `10m`, `24h`, `30d` or a sum of them such as `1h30m`; undefined when it is
 * none, or longer than ten years.
 */
export function parseDuration(text: string): number | undefined {
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(text)) return undefined
  let total = 0
  for (const [, number, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) {
    total += Number(number) * (UNITS[unit ?? ''] ?? Number.NaN)
  }
  return total <= LONGEST_DURATION_MS ? total : undefined
}

/** The same, for a text that must be one. Throws exit 2. */
export function milliseconds(text: string): number {
  const ms = parseDuration(text)
  if (ms === undefined) {
    throw failure(EXIT.usage, `"${text}" is not a duration`, {
      hint: 'write a number with a unit: 250ms, 30s, 10m, 24h, 30d; ten years at most',
    })
  }
  return ms
}

/** For people: `340 ms`, `2.1 s`, `3m 20s`, `2h 5m`, `3d 4h`. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`
  const s = Math.round(ms / 1000)
  if (s < 60) return `${s} s`
  const pair = (big: number, bigUnit: string, small: number, smallUnit: string) =>
    small === 0 ? `${big}${bigUnit}` : `${big}${bigUnit} ${small}${smallUnit}`
  if (s < 3600) return pair(Math.floor(s / 60), 'm', s % 60, 's')
  if (s < 86_400) return pair(Math.floor(s / 3600), 'h', Math.floor((s % 3600) / 60), 'm')
  return pair(Math.floor(s / 86_400), 'd', Math.floor((s % 86_400) / 3600), 'h')
}
