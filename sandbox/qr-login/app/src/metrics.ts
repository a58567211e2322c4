// What the hotel assistant counts.
import { type Counter, type Histogram, figures, makeMetrics } from '../../../shared/kit/metrics.ts'

export interface Metrics {
  observe(seconds: number, failed: boolean): void
  generated(): void
  text(): Promise<string>
  json(): Promise<Record<string, unknown>>
}

/** @param active how many tokens can still be used; undefined in a release without tokens */
export function hotelMetrics(active: (() => Promise<number>) | undefined): Metrics {
  const metrics = makeMetrics()
  const durations: Histogram = metrics.histogram('qr_api_duration', 'Seconds an API request took.')
  const errors: Counter = metrics.counter('api_errors_total', 'API requests answered with 5xx.')
  if (active !== undefined)
    metrics.gauge('qr_tokens_active', 'Tokens that can still be used.', active)
  const made =
    active === undefined
      ? undefined
      : metrics.counter('qr_tokens_generated_total', 'Tokens made since the start.')
  return {
    observe(seconds, failed) {
      durations.observe(seconds)
      if (failed) errors.add()
    },
    generated: () => made?.add(),
    text: () => metrics.text(),
    async json() {
      const tokens =
        active === undefined || made === undefined
          ? {}
          : { qr_tokens_active: await active(), qr_tokens_generated_total: made.value() }
      return { ...figures(durations, errors), ...tokens }
    },
  }
}
