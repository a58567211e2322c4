// Figures of the last seconds: requests, logins, second factors, statements.
import { makeMetrics as makePrometheus } from '../../../../shared/kit/metrics.ts'
import { type Figures, makeWindow } from '../../../../shared/kit/window.ts'

export interface Metrics {
  request(ms: number, failed: boolean): void
  login(succeeded: boolean): void
  secondFactor(succeeded: boolean): void
  statement(ms: number): void
  /** A sealed value that could not be opened: what was stored is not what was sealed. */
  cannotOpen(): void
  json(): Record<string, unknown>
  text(): Promise<string>
}

export function makeMetrics(windowSeconds: number): Metrics {
  const requests = makeWindow(windowSeconds)
  const logins = makeWindow(windowSeconds)
  const factors = makeWindow(windowSeconds)
  const statements = makeWindow(windowSeconds)
  const prometheus = makePrometheus()
  const total = prometheus.counter('lockr_requests_total', 'Requests since the start.')
  const unopened = prometheus.counter(
    'lockr_cannot_open_total',
    'Sealed values that could not be opened.',
  )
  // NaN, as Prometheus has it, where there was nothing to take a part of.
  const gauge = (name: string, help: string, read: () => number): void =>
    prometheus.gauge(name, help, read)
  const part = ({ count, failed }: Figures): number => failed / count
  gauge('lockr_error_ratio', 'Requests answered with 5xx.', () => part(requests.figures()))
  gauge('lockr_login_failure_ratio', 'Logins that failed.', () => part(logins.figures()))
  gauge('lockr_code_failure_ratio', 'Codes that were wrong.', () => part(factors.figures()))
  gauge(
    'lockr_request_p95_ms',
    'Nineteen of twenty take no longer.',
    () => requests.figures().p95_ms,
  )
  gauge('lockr_statement_mean_ms', 'A statement takes so long.', () => statements.figures().mean_ms)

  // A rate of nothing is left out: whoever asks for it is to notice that there was nothing.
  const rate = (name: string, failed: number, count: number): Record<string, number> =>
    count === 0 ? {} : { [name]: failed / count }
  const times = ({ mean_ms, p50_ms, p95_ms }: Figures) => ({
    mean: mean_ms,
    p50: p50_ms,
    p95: p95_ms,
  })

  return {
    request(ms, failed) {
      total.add()
      requests.add(ms, failed)
    },
    login: (succeeded) => logins.add(0, !succeeded),
    secondFactor: (succeeded) => factors.add(0, !succeeded),
    statement: (ms) => statements.add(ms, false),
    cannotOpen: () => unopened.add(),
    json() {
      const [r, l, f, s] = [requests, logins, factors, statements].map((w) => w.figures()) as [
        Figures,
        Figures,
        Figures,
        Figures,
      ]
      return {
        window_seconds: windowSeconds,
        requests: { count: r.count, errors: r.failed, ...rate('error_rate', r.failed, r.count) },
        duration_ms: times(r),
        logins: { attempts: l.count, ...rate('success_rate', l.count - l.failed, l.count) },
        second_factor: { attempts: f.count, ...rate('failure_rate', f.failed, f.count) },
        database: { statements: s.count, duration_ms: times(s) },
        cannot_open: unopened.value(),
      }
    },
    text: () => prometheus.text(),
  }
}
