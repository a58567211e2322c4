// The application as one server.
import type { Server } from 'node:http'
import { missingTables } from '../../../shared/kit/database.ts'
import type { Route } from '../../../shared/kit/http.ts'
import { makeServer } from '../../../shared/kit/server.ts'
import { statusRoutes } from '../../../shared/kit/status.ts'
import type { App } from './app.ts'
import { features } from './features.ts'

export function routesOf(app: App): Route[] {
  const status = statusRoutes({
    health: '/health',
    version: () => app.release.version,
    log: app.logger('app.health'),
    problems: () => missingTables(app.db, app.release.tables),
    details: () => Promise.resolve({ status: 'healthy' }),
    metrics: () => app.metrics.text(),
    figures: () => Promise.resolve(app.metrics.figures()),
  })
  // Also where it is asked from outside, below /api.
  const health = status.filter(({ path }) => path === '/health')
  const outside = health.map((route) => ({ ...route, path: '/api/health' }))
  return [...status, ...outside, ...features.flatMap((feature) => feature(app))]
}

export const makeBackend = (app: App): Server =>
  makeServer({
    routes: routesOf(app),
    log: app.logger('app.server'),
    observe: (_, seconds, status) => app.metrics.observe(seconds, status),
  })
