// What the modules share.
import type { Database } from '../../../shared/kit/database.ts'
import type { Log } from '../../../shared/kit/log.ts'
import type { Signer } from '../../../shared/kit/tokens.ts'
import type { Config } from './config.ts'
import type { UsersMetrics } from './metrics.ts'
import type { Release } from './release.ts'

export interface App {
  config: Config
  db: Database
  /** What may be a moment behind is read here: the replica, where there is one. */
  reads: Database
  signer: Signer
  log: Log
  metrics: UsersMetrics
  release: Release
  now: () => Date
}
