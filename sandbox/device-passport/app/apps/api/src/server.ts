// The API as one server.
import type { Server } from 'node:http'
import { missingTables } from '../../../../../shared/kit/database.ts'
import type { Route } from '../../../../../shared/kit/http.ts'
import { makeServer } from '../../../../../shared/kit/server.ts'
import { statusRoutes } from '../../../../../shared/kit/status.ts'
import type { App, Feature } from './app.ts'
import { docsRoutes } from './docs.ts'

export function routesOf(app: App, features: readonly Feature[]): Route[] {
  const { db, store, log, release, metrics } = app
  const status = statusRoutes({
    health: '/api/health',
    version: () => release.version,
    log: (...line) => log(...line),
    async problems() {
      const missing = await missingTables(db, release.tables)
      const lost = await store.state().then(
        () => [],
        () => ['redis does not answer'],
      )
      return [...missing, ...lost]
    },
    details: async () => ({ database: 'connected', redis: await store.state() }),
    metrics: () => metrics.text(),
    figures: () => metrics.figures(),
  }).map((route) => ({
    ...route,
    path: route.path.startsWith('/api/') ? route.path : `/api${route.path}`,
  }))
  const routes = [...status, ...features.flatMap((feature) => feature.routes(app))]
  return [...routes, ...docsRoutes(routes, release.version)]
}

/** Headers as Helmet sets them, beside those that every server of the kit sends. */
const HEADERS = {
  'strict-transport-security': 'max-age=31536000; includeSubDomains',
  'cross-origin-opener-policy': 'same-origin',
  'x-dns-prefetch-control': 'off',
}

export const makeApi = (app: App, features: readonly Feature[]): Server =>
  makeServer({
    routes: routesOf(app, features),
    log: app.log,
    allowedOrigins: app.config.allowedOrigins,
    headers: HEADERS,
    compress: true,
    observe(path, seconds, status) {
      if (path.startsWith('/api/v1/')) app.metrics.observe(seconds, status >= 500)
    },
  })
