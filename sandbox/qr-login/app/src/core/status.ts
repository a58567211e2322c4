// Health, version and metrics: every release has them.
import { missingTables } from '../../../../shared/kit/database.ts'
import type { Route } from '../../../../shared/kit/http.ts'
import { statusRoutes as routes } from '../../../../shared/kit/status.ts'
import type { App } from '../app.ts'

export const statusRoutes = (app: App): Route[] =>
  routes({
    health: '/api/health',
    version: () => app.release.version,
    log: (...line) => app.log(...line),
    problems: () => missingTables(app.db, app.release.tables),
    metrics: () => app.metrics.text(),
    figures: () => app.metrics.json(),
  })
