// What the features share, and how they become one server.
import type { Server } from 'node:http'
import type { Database } from '../../../shared/kit/database.ts'
import type { Route } from '../../../shared/kit/http.ts'
import type { Log } from '../../../shared/kit/log.ts'
import { makeServer } from '../../../shared/kit/server.ts'
import type { Config } from './config.ts'
import { statusRoutes } from './core/status.ts'
import type { Identity } from './identity.ts'
import { type Metrics, hotelMetrics } from './metrics.ts'
import type { Release } from './release.ts'

export interface App {
  config: Config
  db: Database
  identity: Identity
  log: Log
  metrics: Metrics
  release: Release
  now: () => Date
}

export interface Feature {
  name: string
  routes(app: App): Route[]
  /** A gauge for the metrics page, when the feature has one. */
  activeTokens?(app: App): Promise<number>
}

/** The app with what its features count. */
export function makeApp(parts: Omit<App, 'metrics'>, features: readonly Feature[]): App {
  const feature = features.find((one) => one.activeTokens !== undefined)
  const active = feature?.activeTokens?.bind(feature)
  const app: App = {
    ...parts,
    metrics: hotelMetrics(active === undefined ? undefined : () => active(app)),
  }
  return app
}

export const makeHotel = (app: App, features: readonly Feature[]): Server =>
  makeServer({
    routes: [...statusRoutes(app), ...features.flatMap((feature) => feature.routes(app))],
    log: app.log,
    allowedOrigins: app.config.allowedOrigins,
    observe(path, seconds, status) {
      if (path.startsWith('/api/') && path !== '/api/health')
        app.metrics.observe(seconds, status >= 500)
    },
  })
