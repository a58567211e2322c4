// What the parts of the server share.
import type { Config } from './config.ts'
import type { Metrics } from './core/metrics.ts'
import type { Tokens } from './core/tokens.ts'
import type { Database } from '../../../shared/kit/database.ts'
import type { Route } from '../../../shared/kit/http.ts'
import type { Log } from '../../../shared/kit/log.ts'
import type { Release } from '../../../shared/kit/release.ts'

export interface App {
  config: Config
  db: Database
  log: Log
  metrics: Metrics
  release: Release<{ tables: readonly string[] }>
  tokens: Tokens
  now: () => Date
}

export interface Feature {
  name: string
  routes(app: App): Route[]
  /** What it adds to the health page; its words in `problems` make the release unhealthy. */
  health?(app: App): { problems: string[]; facts: Record<string, string | number> }
}
