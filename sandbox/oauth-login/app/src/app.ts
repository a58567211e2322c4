// What the parts of the server share.
import type { Database } from '../../../shared/kit/database.ts'
import type { Route } from '../../../shared/kit/http.ts'
import type { Release } from '../../../shared/kit/release.ts'
import type { Signer } from '../../../shared/kit/tokens.ts'
import type { Config } from './config.ts'
import type { Logger } from './log.ts'
import type { BackendMetrics } from './metrics.ts'
import type { Providers } from './providers.ts'

export interface App {
  config: Config
  db: Database
  logger: Logger
  metrics: BackendMetrics
  providers: Providers
  release: Release<{ tables: readonly string[] }>
  signer: Signer
  now: () => Date
}

export type Feature = (app: App) => Route[]
