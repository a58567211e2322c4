// What this application counts.
import {
  type Counter,
  type Histogram,
  figures,
  makeMetrics,
  processorUse,
} from '../../../shared/kit/metrics.ts'

export interface UsersMetrics {
  observe(seconds: number, failed: boolean): void
  login(ok: boolean): void
  throttled(): void
  text(): Promise<string>
  figures(): Record<string, unknown>
}

export function usersMetrics(connections: () => Promise<number>): UsersMetrics {
  const all = makeMetrics()
  const durations: Histogram = all.histogram('http_request_duration', 'Seconds a request took.')
  const errors: Counter = all.counter('http_errors_total', 'Requests answered with 5xx.')
  const good = all.counter('logins_total', 'Logins that succeeded.')
  const bad = all.counter('logins_failed_total', 'Logins with wrong credentials.')
  const throttled = all.counter('throttle_blocked_total', 'Requests refused for their number.')
  all.gauge('database_connections', 'Connections to the database.', connections)
  const cpuPercent = processorUse()
  const success = (): number => {
    const logins = good.value() + bad.value()
    return logins === 0 ? 1 : good.value() / logins
  }
  return {
    observe(seconds, failed) {
      durations.observe(seconds)
      if (failed) errors.add()
    },
    login: (ok) => (ok ? good : bad).add(),
    throttled: () => throttled.add(),
    text: () => all.text(),
    figures: () => ({
      ...figures(durations, errors),
      login_success: success(),
      logins: good.value() + bad.value(),
      throttled: throttled.value(),
      cpu_percent: cpuPercent(),
      memory_mb: process.memoryUsage().rss / 2 ** 20,
    }),
  }
}
