// Around every route of the features: the maintenance page, and the clock.
import type { App } from '../app.ts'
import { Refusal, type Route } from '../../../../shared/kit/http.ts'
import { hasPass } from './callers.ts'

export const guarded =
  (app: App) =>
  (route: Route): Route => ({
    ...route,
    async handle(call) {
      // Not counted: nobody was served, well or badly.
      if (app.config.maintenance && !hasPass(app, call))
        throw new Refusal(503, 'maintenance: please come back in a while')
      const from = performance.now()
      let failed = true
      try {
        const reply = await route.handle(call)
        failed = reply.status >= 500
        return reply
      } catch (error) {
        failed = !(error instanceof Refusal) || error.status >= 500
        throw error
      } finally {
        app.metrics.request(performance.now() - from, failed)
      }
    },
  })
