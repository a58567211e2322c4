// The application as one server.
import type { Server } from 'node:http'
import { missingTables } from '../../../shared/kit/database.ts'
import type { Route } from '../../../shared/kit/http.ts'
import { makeServer } from '../../../shared/kit/server.ts'
import { statusRoutes } from '../../../shared/kit/status.ts'
import type { App } from './app.ts'
import { modules } from './modules.ts'

export function routesOf(app: App): Route[] {
  const status = statusRoutes({
    health: '/api/health',
    version: () => app.release.version,
    log: app.log,
    async problems() {
      const wrong = await missingTables(app.db, app.release.tables)
      const behind = app.reads === app.db ? [] : await missingTables(app.reads, ['users'])
      return [...wrong, ...behind.map((one) => `replica: ${one}`)]
    },
    details: () =>
      Promise.resolve({
        database: 'connected',
        ...(app.reads === app.db ? {} : { replica: 'connected' }),
      }),
    metrics: () => app.metrics.text(),
    figures: () => Promise.resolve(app.metrics.figures()),
  })
  return [...status, ...modules.flatMap((module) => module(app))]
}

/** What asked for http at the edge is sent to https, whatever it asked for. */
export function secured(routes: readonly Route[]): Route[] {
  return routes.map((route) => ({
    ...route,
    handle(call) {
      if (call.headers['x-forwarded-proto'] !== 'http') return route.handle(call)
      const location = `https://${call.headers['host'] ?? 'localhost'}${call.path}`
      return Promise.resolve({ status: 308, headers: { location } })
    },
  }))
}

export const makeUsers = (app: App): Server =>
  makeServer({
    routes: secured(routesOf(app)),
    log: app.log,
    allowedOrigins: app.config.allowedOrigins,
    headers: { 'strict-transport-security': 'max-age=31536000; includeSubDomains' },
    compress: true,
    observe(path, seconds, status) {
      if (path.startsWith('/api/') && path !== '/api/health')
        app.metrics.observe(seconds, status >= 500)
    },
  })
