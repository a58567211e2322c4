// Counters and one histogram, rendered for Prometheus and as JSON.

const BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5] as const

export interface Metrics {
  observe(seconds: number, failed: boolean): void
  generated(): void
  text(activeTokens: number | undefined): string
  json(activeTokens: number | undefined): Record<string, unknown>
}

export function makeMetrics(): Metrics {
  const buckets = BOUNDS.map(() => 0)
  let count = 0
  let sum = 0
  let errors = 0
  let tokens = 0

  // As histogram_quantile does it: straight-line within the bucket.
  function quantile(q: number): number {
    if (count === 0) return 0
    const rank = q * count
    let below = 0
    let from = 0
    for (const [i, bound] of BOUNDS.entries()) {
      const upTo = buckets[i] ?? 0
      if (upTo >= rank)
        return upTo === below ? bound : from + ((bound - from) * (rank - below)) / (upTo - below)
      below = upTo
      from = bound
    }
    return from
  }

  return {
    observe(seconds, failed) {
      count++
      sum += seconds
      if (failed) errors++
      for (const [i, bound] of BOUNDS.entries())
        if (seconds <= bound) buckets[i] = (buckets[i] ?? 0) + 1
    },
    generated() {
      tokens++
    },
    text(active) {
      const lines = [
        '# HELP qr_api_duration Seconds an API request took.',
        '# TYPE qr_api_duration histogram',
        ...BOUNDS.map((bound, i) => `qr_api_duration_bucket{le="${bound}"} ${buckets[i]}`),
        `qr_api_duration_bucket{le="+Inf"} ${count}`,
        `qr_api_duration_sum ${sum}`,
        `qr_api_duration_count ${count}`,
        '# HELP api_errors_total API requests answered with 5xx.',
        '# TYPE api_errors_total counter',
        `api_errors_total ${errors}`,
      ]
      if (active !== undefined) {
        lines.push(
          '# HELP qr_tokens_active Tokens that can still be used.',
          '# TYPE qr_tokens_active gauge',
          `qr_tokens_active ${active}`,
          '# HELP qr_tokens_generated_total Tokens made since the start.',
          '# TYPE qr_tokens_generated_total counter',
          `qr_tokens_generated_total ${tokens}`,
        )
      }
      return lines.join('\n') + '\n'
    },
    json(active) {
      return {
        requests: count,
        errors,
        error_rate: count === 0 ? 0 : errors / count,
        duration_ms: {
          mean: count === 0 ? 0 : (sum / count) * 1000,
          p50: quantile(0.5) * 1000,
          p95: quantile(0.95) * 1000,
          p99: quantile(0.99) * 1000,
        },
        ...(active === undefined
          ? {}
          : { qr_tokens_active: active, qr_tokens_generated_total: tokens }),
      }
    },
  }
}
