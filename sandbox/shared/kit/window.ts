// What happened in the last seconds. Rates over all time would hide today's
// failures behind yesterday's successes.

export interface Figures {
  count: number
  failed: number
  mean_ms: number
  p50_ms: number
  p95_ms: number
}

export interface Window {
  add(ms: number, failed: boolean): void
  figures(): Figures
}

interface Entry {
  at: number
  ms: number
  failed: boolean
}

export function makeWindow(seconds: number, now: () => number = Date.now): Window {
  let entries: Entry[] = []
  const recent = (): Entry[] => {
    const from = now() - seconds * 1000
    const first = entries.findIndex((e) => e.at >= from)
    entries = first === -1 ? [] : entries.slice(first)
    return entries
  }
  return {
    add(ms, failed) {
      entries.push({ at: now(), ms, failed })
      // A burst must not fill the memory; the figures are then those of a part.
      if (entries.length > 20_000) entries = entries.slice(-10_000)
    },
    figures() {
      const all = recent()
      const times = all.map((e) => e.ms).sort((a, b) => a - b)
      const at = (q: number): number => times[Math.ceil(q * times.length) - 1] ?? 0
      const sum = times.reduce((total, ms) => total + ms, 0)
      return {
        count: all.length,
        failed: all.filter((e) => e.failed).length,
        mean_ms: times.length === 0 ? 0 : sum / times.length,
        p50_ms: at(0.5),
        p95_ms: at(0.95),
      }
    },
  }
}
