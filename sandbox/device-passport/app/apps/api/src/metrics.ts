// What the API counts.
import { figures, makeMetrics, processorUse } from '../../../../../shared/kit/metrics.ts'

export interface ApiMetrics {
  observe(seconds: number, failed: boolean): void
  throttled(): void
  cached(hit: boolean): void
  /** Sockets that are open now. */
  sockets(change: 1 | -1): void
  text(): Promise<string>
  figures(): Promise<Record<string, unknown>>
}

const POOL = 10

/** @param connections how many connections to the database there are */
export function apiMetrics(connections: () => Promise<number>): ApiMetrics {
  const all = makeMetrics()
  const durations = all.histogram('http_request_duration_seconds', 'Seconds a request took.')
  const errors = all.counter('http_errors_total', 'Requests answered with 5xx.')
  const throttled = all.counter('throttled_total', 'Requests refused for their number.')
  const hits = all.counter('cache_hits_total', 'Answers that were kept.')
  const misses = all.counter('cache_misses_total', 'Answers that were not.')
  let open = 0
  all.gauge('sockets_open', 'Sockets that are open.', () => open)
  all.gauge('database_connections', 'Connections to the database.', connections)
  const cpuPercent = processorUse()
  return {
    observe(seconds, failed) {
      durations.observe(seconds)
      if (failed) errors.add()
    },
    throttled: () => throttled.add(),
    cached: (hit) => (hit ? hits : misses).add(),
    sockets: (change) => {
      open += change
    },
    text: () => all.text(),
    async figures() {
      const asked = hits.value() + misses.value()
      const pool = await connections()
      return {
        ...figures(durations, errors),
        throttled: throttled.value(),
        cache_hit_rate: asked === 0 ? 1 : hits.value() / asked,
        sockets: open,
        pool: { used: pool, most: POOL, percent: (pool * 100) / POOL },
        cpu_percent: cpuPercent(),
        memory_mb: process.memoryUsage().rss / 2 ** 20,
      }
    },
  }
}
