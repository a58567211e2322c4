// A fixed window per key. It guards what can be guessed at (credentials and
// tokens); listing by an administrator is not limited.

export interface Limiter {
  /** False when this one is over the limit. */
  take(key: string): boolean
}

export function makeLimiter(most: number, windowMs: number, now: () => number = Date.now): Limiter {
  const seen = new Map<string, { from: number; count: number }>()
  return {
    take(key) {
      const at = now()
      const entry = seen.get(key)
      if (entry === undefined || at - entry.from >= windowMs) {
        // Old keys are dropped here, so that memory is bounded by one window's callers.
        if (seen.size > 10_000) seen.clear()
        seen.set(key, { from: at, count: 1 })
        return most > 0
      }
      entry.count++
      return entry.count <= most
    },
  }
}
