// Health, version and metrics: every release has them.
import type { Reply, Route } from './http.ts'
import type { Log } from './log.ts'

export interface Status {
  /** The path of the health endpoint. */
  health: string
  version(): string
  log: Log
  /** Empty when healthy; else what is wrong, in words that give no secret away. */
  problems(): Promise<string[]>
  /** More fields of a healthy answer, as in `{ database: 'connected' }`. */
  details?(): Promise<Record<string, unknown>>
  /** Prometheus text, and the same in figures. */
  metrics(): Promise<string>
  figures(): Promise<Record<string, unknown>>
}

export function statusRoutes(status: Status): Route[] {
  const get = (path: string, handle: () => Promise<Reply>): Route => ({
    method: 'GET',
    path,
    handle,
  })
  return [
    get(status.health, async () => {
      const wrong = await status.problems()
      if (wrong.length === 0)
        return { status: 200, json: { status: 'ok', ...(await status.details?.()) } }
      status.log('error', 'self check failed', { problems: wrong.join('; ') })
      return { status: 503, json: { status: 'degraded', problems: wrong } }
    }),
    get('/version', async () => ({ status: 200, json: { version: status.version() } })),
    get('/metrics', async () => ({
      status: 200,
      text: await status.metrics(),
      type: 'text/plain; version=0.0.4; charset=utf-8',
    })),
    get('/metrics.json', async () => ({ status: 200, json: await status.figures() })),
  ]
}
