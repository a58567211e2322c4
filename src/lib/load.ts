/** Many requests over a few connections that are kept, and how long the answers took. */
import { Agent as PlainAgent, request as plainRequest } from 'node:http'
import { Agent as SecureAgent, request as secureRequest } from 'node:https'
import type { Request } from './http.ts'

export interface LoadFigures {
  requests: number
  /** No answer, or one that is not 2xx. */
  failed: number
  rps: number
  mean_ms: number
  p50_ms: number
  p95_ms: number
  p99_ms: number
}

const REQUEST_MS = 30_000

/** One request to its end; the status, or 0 when nobody answered. */
function once(agent: PlainAgent, wanted: Request, signal: AbortSignal): Promise<number> {
  const send = agent instanceof SecureAgent ? secureRequest : plainRequest
  return new Promise((resolve) => {
    const length =
      wanted.body === undefined ? {} : { 'content-length': Buffer.byteLength(wanted.body) }
    const outgoing = send(
      wanted.url,
      {
        agent,
        method: wanted.method.toUpperCase(),
        headers: { ...wanted.headers, ...length },
        signal,
        timeout: REQUEST_MS,
      },
      (response) => {
        response.on('error', () => resolve(0))
        response.on('end', () => resolve(response.statusCode ?? 0))
        response.resume()
      },
    )
    outgoing.on('error', () => resolve(0))
    outgoing.on('timeout', () => outgoing.destroy())
    outgoing.end(wanted.body)
  })
}

/** The value below which that part of the sorted ones lies. */
function quantile(sorted: Float64Array, part: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)] ?? 0
}

/** Sends `requests` of one kind over `connections` at once. `answered` counts those with any answer. */
export async function load(
  wanted: Request,
  options: {
    requests: number
    connections: number
    signal: AbortSignal
    progress: (done: number) => void
  },
): Promise<{ figures: LoadFigures; answered: number }> {
  const { requests, connections, signal } = options
  const settings = { keepAlive: true, maxSockets: connections }
  const agent = wanted.url.startsWith('https:')
    ? new SecureAgent(settings)
    : new PlainAgent(settings)
  const times = new Float64Array(requests)
  let next = 0
  let failed = 0
  let answered = 0
  const began = performance.now()
  const timer = setInterval(() => options.progress(next), 1000)
  const worker = async () => {
    while (next < requests && !signal.aborted) {
      const index = next
      next += 1
      const start = performance.now()
      const status = await once(agent, wanted, signal)
      times[index] = performance.now() - start
      if (status > 0) answered += 1
      if (status < 200 || status > 299) failed += 1
    }
  }
  try {
    await Promise.all(Array.from({ length: Math.min(connections, requests) }, worker))
  } finally {
    clearInterval(timer)
    agent.destroy()
  }
  const seconds = (performance.now() - began) / 1000
  const sorted = times.subarray(0, next).sort()
  const round = (value: number) => Math.round(value * 100) / 100
  const figures = {
    requests: next,
    failed,
    rps: round(next / seconds),
    mean_ms: round(sorted.reduce((sum, ms) => sum + ms, 0) / Math.max(next, 1)),
    p50_ms: round(quantile(sorted, 0.5)),
    p95_ms: round(quantile(sorted, 0.95)),
    p99_ms: round(quantile(sorted, 0.99)),
  }
  return { figures, answered }
}
