// How many users there are, kept for a while: a figure that pages ask for often.
import type { Route } from '../../../shared/kit/http.ts'
import type { App } from './app.ts'

export function directoryRoutes({ config, reads, now }: App): Route[] {
  let kept: { count: number; at: number } | undefined
  return [
    {
      method: 'GET',
      path: '/api/users/count',
      async handle() {
        const at = now().getTime()
        const fresh = kept !== undefined && at - kept.at < config.cacheSeconds * 1000
        if (!fresh) {
          const rows = await reads.query<{ n: number }>('SELECT count(*) AS n FROM users')
          kept = { count: rows[0]?.n ?? 0, at }
        }
        return {
          status: 200,
          json: { users: kept?.count ?? 0 },
          headers: { 'x-cache': fresh ? 'hit' : 'miss' },
        }
      },
    },
  ]
}
