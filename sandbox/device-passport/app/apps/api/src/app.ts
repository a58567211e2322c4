// What the features share.
import type { Database } from '../../../../../shared/kit/database.ts'
import type { Route } from '../../../../../shared/kit/http.ts'
import type { Log } from '../../../../../shared/kit/log.ts'
import type { Signer } from '../../../../../shared/kit/tokens.ts'
import type { Config } from './config.ts'
import type { ApiMetrics } from './metrics.ts'
import type { Release } from './release.ts'
import type { Store } from './store.ts'

export interface App {
  config: Config
  db: Database
  store: Store
  /** Access tokens and refresh tokens have a secret each. */
  access: Signer
  refresh: Signer
  log: Log
  metrics: ApiMetrics
  release: Release
  now: () => Date
}

export interface Feature {
  routes(app: App): Route[]
}

/** Writes down who did what. Where the release before this one left no such table, nobody asks for it. */
export const audit = (app: App, actor: string, event: string, subject = ''): Promise<object[]> =>
  app.db.query('INSERT INTO audit_log (actor_id, event, subject) VALUES ($1, $2, $3)', [
    actor,
    event,
    subject,
  ])
