// Starts the release: `node src/main.ts`.
import './packages.ts'
import { openDatabase } from '../../../shared/kit/database.ts'
import { readRelease } from '../../../shared/kit/release.ts'
import { serve } from '../../../shared/kit/server.ts'
import { makeSigner } from '../../../shared/kit/tokens.ts'
import { readConfig } from './config.ts'
import { openLogger } from './log.ts'
import { backendMetrics } from './metrics.ts'
import { makeProviders } from './providers.ts'
import { makeBackend } from './server.ts'

const config = readConfig(process.env)
const now = (): Date => new Date()
const logger = openLogger(config.logFile)
const log = logger('app.main')
const db = openDatabase(config.databaseUrl, (reason) =>
  log('warn', 'database connection lost', { reason }),
)
const release = readRelease(new URL('../release.json', import.meta.url), { tables: ['users'] })
const server = makeBackend({
  config,
  db,
  logger,
  metrics: backendMetrics(config.windowSeconds),
  providers: makeProviders(config),
  release,
  signer: makeSigner('prosight', config.secretKey, now),
  now,
})
const { host, port } = config
serve(server, { host, port, log, version: release.version, close: db.end })
