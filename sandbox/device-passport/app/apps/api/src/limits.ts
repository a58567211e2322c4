// How often one may ask. Counted by address, logins by account as well: whoever has
// many addresses guesses no faster at one password.
import type { Call, Reply, Route } from '../../../../../shared/kit/http.ts'
import { type Limiter, makeLimiter } from '../../../../../shared/kit/limits.ts'
import type { App } from './app.ts'

export const PUBLIC_PER_MINUTE = 20
export const LOGINS_PER_MINUTE = 5

export const addressOf = ({ headers }: Call): string => headers['x-forwarded-for'] ?? 'direct'

export const tooMany = (seconds: number): Reply => ({
  status: 429,
  json: { error: 'too many requests; wait a while' },
  headers: { 'retry-after': String(seconds) },
})

/** The same route for as many requests of an address as the limiter lets through. */
function limitedBy(limiter: Limiter, seconds: number, app: App): (route: Route) => Route {
  return (route) => ({
    ...route,
    handle(call) {
      if (limiter.take(addressOf(call))) return route.handle(call)
      app.metrics.throttled()
      return Promise.resolve(tooMany(seconds))
    },
  })
}

/** Routes that share the limit for everybody. */
export function forEverybody(app: App, routes: readonly Route[]): Route[] {
  return routes.map(limitedBy(makeLimiter(PUBLIC_PER_MINUTE, 60_000), 60, app))
}

/** Routes that share the limit of the API. */
export function forApi(app: App, routes: readonly Route[]): Route[] {
  const { most, seconds } = app.config.requests
  return routes.map(limitedBy(makeLimiter(most, seconds * 1000), seconds, app))
}
