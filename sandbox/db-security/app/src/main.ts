// Starts the release: `node src/main.ts`, or `node src/main.js` in a release folder.
import { type Database, openDatabase } from '../../../shared/kit/database.ts'
import { openLog } from '../../../shared/kit/log.ts'
import { readRelease } from '../../../shared/kit/release.ts'
import { makeServer, serve } from '../../../shared/kit/server.ts'
import type { App } from './app.ts'
import { readConfig } from './config.ts'
import { guarded } from './core/guard.ts'
import { makeMetrics } from './core/metrics.ts'
import { statusRoutes } from './core/status.ts'
import { makeTokens } from './core/tokens.ts'
import { features } from './features.ts'

const config = readConfig(process.env)
const log = openLog(config.logFile)
const metrics = makeMetrics(config.windowSeconds)
const now = (): Date => new Date()

/** With a clock around every statement. */
function measured(db: Database): Database {
  return {
    ...db,
    async query(text, values) {
      const from = performance.now()
      try {
        return await db.query(text, values)
      } finally {
        metrics.statement(performance.now() - from)
      }
    },
  }
}

const db = openDatabase(config.databaseUrl, (message) =>
  log('warn', 'database connection lost', { reason: message }),
)
const app: App = {
  config,
  db: measured(db),
  log,
  metrics,
  release: readRelease(new URL('../release.json', import.meta.url), { tables: ['users'] }),
  tokens: makeTokens(config.sessionSecret, now),
  now,
}
const routes = features.flatMap((feature) => feature.routes(app)).map(guarded(app))
const server = makeServer({ routes: [...statusRoutes(app, features), ...routes], log })
const { host, port } = config
serve(server, { host, port, log, version: app.release.version, close: db.end })
