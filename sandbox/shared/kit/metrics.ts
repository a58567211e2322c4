// Counters, gauges and histograms, as Prometheus reads them, and the figures of one
// histogram for who cannot read that.

export interface Counter {
  add(n?: number, labels?: Labels): void
  value(): number
}

export interface Histogram {
  observe(value: number): void
  count(): number
  mean(): number
  /** As histogram_quantile does it: straight-line within the bucket; 0 while there is nothing. */
  quantile(q: number): number
}

export type Labels = Readonly<Record<string, string>>

export interface Metrics {
  counter(name: string, help: string): Counter
  histogram(name: string, help: string, bounds?: readonly number[]): Histogram
  /** Read when it is asked for. */
  gauge(name: string, help: string, read: () => number | Promise<number>): void
  /** All of them in the order in which they were made, in Prometheus' text format. */
  text(): Promise<string>
}

/** Seconds. */
const BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5] as const

const written = (labels: Labels): string => {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}=${JSON.stringify(value)}`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

function makeHistogram(bounds: readonly number[]): Histogram & { lines(name: string): string[] } {
  const buckets = bounds.map(() => 0)
  let count = 0
  let sum = 0
  return {
    observe(value) {
      count++
      sum += value
      for (const [i, bound] of bounds.entries())
        if (value <= bound) buckets[i] = (buckets[i] ?? 0) + 1
    },
    count: () => count,
    mean: () => (count === 0 ? 0 : sum / count),
    quantile(q) {
      if (count === 0) return 0
      const rank = q * count
      let below = 0
      let from = 0
      for (const [i, bound] of bounds.entries()) {
        const upTo = buckets[i] ?? 0
        if (upTo >= rank)
          return upTo === below ? bound : from + ((bound - from) * (rank - below)) / (upTo - below)
        below = upTo
        from = bound
      }
      return from
    },
    lines: (name) => [
      ...bounds.map((bound, i) => `${name}_bucket{le="${bound}"} ${buckets[i]}`),
      `${name}_bucket{le="+Inf"} ${count}`,
      `${name}_sum ${sum}`,
      `${name}_count ${count}`,
    ],
  }
}

export function makeMetrics(): Metrics {
  const parts: (() => string[] | Promise<string[]>)[] = []
  const add = (
    name: string,
    help: string,
    type: string,
    lines: () => string[] | Promise<string[]>,
  ) =>
    parts.push(async () => [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...(await lines())])
  return {
    counter(name, help) {
      const counts = new Map<string, number>()
      add(name, help, 'counter', () =>
        counts.size === 0
          ? [`${name} 0`]
          : [...counts].map(([labels, n]) => `${name}${labels} ${n}`),
      )
      return {
        add(n = 1, labels = {}) {
          const key = written(labels)
          counts.set(key, (counts.get(key) ?? 0) + n)
        },
        value: () => [...counts.values()].reduce((sum, n) => sum + n, 0),
      }
    },
    histogram(name, help, bounds = BOUNDS) {
      const histogram = makeHistogram(bounds)
      add(name, help, 'histogram', () => histogram.lines(name))
      return histogram
    },
    gauge(name, help, read) {
      add(name, help, 'gauge', async () => [`${name} ${await read()}`])
    },
    async text() {
      const all = await Promise.all(parts.map((part) => part()))
      return all.flat().join('\n') + '\n'
    },
  }
}

/** Requests, errors and durations in words of their own, for a /metrics.json. */
export function figures(durations: Histogram, errors: Counter): Record<string, unknown> {
  const requests = durations.count()
  return {
    requests,
    errors: errors.value(),
    error_rate: requests === 0 ? 0 : errors.value() / requests,
    duration_ms: {
      mean: durations.mean() * 1000,
      p50: durations.quantile(0.5) * 1000,
      p95: durations.quantile(0.95) * 1000,
      p99: durations.quantile(0.99) * 1000,
    },
  }
}

/** How much of one processor this process used since it was asked last, in percent. */
export function processorUse(): () => number {
  let before = { at: performance.now(), cpu: process.cpuUsage() }
  return () => {
    const now = { at: performance.now(), cpu: process.cpuUsage() }
    const used = now.cpu.user + now.cpu.system - before.cpu.user - before.cpu.system
    const passed = Math.max(1, now.at - before.at)
    before = now
    return used / 10 / passed
  }
}
