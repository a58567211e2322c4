// What the features share, and how they become one table of routes.
import type { Config } from './config.ts'
import type { Database } from './database.ts'
import type { Route } from './http.ts'
import type { Identity } from './identity.ts'
import type { Log } from './log.ts'
import type { Metrics } from './metrics.ts'
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
