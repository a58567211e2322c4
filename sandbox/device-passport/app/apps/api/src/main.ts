// Starts the API of this release.
import { openDatabase } from '../../../../../shared/kit/database.ts'
import { openLog } from '../../../../../shared/kit/log.ts'
import { serve } from '../../../../../shared/kit/server.ts'
import { makeSigner } from '../../../../../shared/kit/tokens.ts'
import { readConfig } from './config.ts'
import { features } from './features.ts'
import { apiMetrics } from './metrics.ts'
import { release } from './release.ts'
import { makeApi } from './server.ts'
import { openSockets } from './sockets.ts'
import { memoryStore, redisStore } from './store.ts'

const config = readConfig(process.env)
const log = openLog(config.logFile)
const now = (): Date => new Date()
const lost =
  (what: string) =>
  (reason: string): void =>
    log('warn', `${what} connection lost`, { reason })
const db = openDatabase(config.databaseUrl, lost('database'))
const store =
  config.redis === undefined ? memoryStore(now) : await redisStore(config.redis, lost('redis'))
const metrics = apiMetrics(async () => {
  const rows = await db.query<{ n: number }>(
    'SELECT count(*) AS n FROM pg_stat_activity WHERE usename = current_user',
  )
  return rows[0]?.n ?? 0
})
const access = makeSigner('device-passport', config.jwtSecret, now)
const refresh = makeSigner('device-passport', config.refreshSecret, now)
const app = { config, db, store, access, refresh, log, metrics, release, now }
const server = makeApi(app, features)
openSockets(server, app)
const { host, port } = config
const close = async (): Promise<void> => {
  await Promise.all([db.end(), store.end()])
}
serve(server, { host, port, log, version: release.version, close })
