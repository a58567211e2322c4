// Health, version and metrics: every release has them, in maintenance too.
import type { App, Feature } from '../app.ts'
import { missingTables } from '../../../../shared/kit/database.ts'
import type { Route } from '../../../../shared/kit/http.ts'
import { statusRoutes as routes } from '../../../../shared/kit/status.ts'

export function statusRoutes(app: App, features: readonly Feature[]): Route[] {
  const own = () => features.flatMap((feature) => feature.health?.(app) ?? [])
  return routes({
    health: '/health',
    version: () => app.release.version,
    log: app.log,
    async problems() {
      const tables = await missingTables(app.db, app.release.tables)
      return [...tables, ...own().flatMap((one) => one.problems)]
    },
    details: () =>
      Promise.resolve(
        Object.assign({ maintenance: app.config.maintenance }, ...own().map((one) => one.facts)),
      ),
    metrics: () => app.metrics.text(),
    figures: () => Promise.resolve(app.metrics.json()),
  })
}
