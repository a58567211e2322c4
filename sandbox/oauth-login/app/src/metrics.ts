// What the backend counts: since its start, as Prometheus reads it, and of the last seconds.
import { makeMetrics } from '../../../shared/kit/metrics.ts'
import { makeWindow } from '../../../shared/kit/window.ts'

export interface BackendMetrics {
  observe(seconds: number, status: number): void
  login(provider: string, good: boolean): void
  text(): Promise<string>
  /** Of the last seconds; a rate of nothing is left out. */
  figures(): Record<string, unknown>
}

export function backendMetrics(windowSeconds: number): BackendMetrics {
  const all = makeMetrics()
  const requests = all.counter('http_requests_total', 'Requests by status.')
  const durations = all.histogram('http_request_duration_seconds', 'Seconds a request took.')
  const logins = all.counter('logins_total', 'Logins by provider and outcome.')
  const recent = { requests: makeWindow(windowSeconds), logins: makeWindow(windowSeconds) }
  return {
    observe(seconds, status) {
      durations.observe(seconds)
      requests.add(1, { status: String(status) })
      recent.requests.add(seconds * 1000, status >= 500)
    },
    login(provider, good) {
      logins.add(1, { provider, outcome: good ? 'success' : 'failure' })
      recent.logins.add(0, !good)
    },
    text: () => all.text(),
    figures() {
      const asked = recent.requests.figures()
      const { count, failed } = recent.logins.figures()
      const rate = (name: string, part: number, of: number): Record<string, number> =>
        of === 0 ? {} : { [name]: part / of }
      return {
        window_seconds: windowSeconds,
        requests: asked.count,
        errors: asked.failed,
        ...rate('error_rate', asked.failed, asked.count),
        duration_ms: { mean: asked.mean_ms, p50: asked.p50_ms, p95: asked.p95_ms },
        logins: { attempts: count, failed, ...rate('success_rate', count - failed, count) },
      }
    },
  }
}
