// Starts the release: `node src/main.ts`, or `node src/main.js` in a release folder.
import { openDatabase } from '../../../shared/kit/database.ts'
import { openLog } from '../../../shared/kit/log.ts'
import { serve } from '../../../shared/kit/server.ts'
import { makeSigner } from '../../../shared/kit/tokens.ts'
import { readConfig } from './config.ts'
import { usersMetrics } from './metrics.ts'
import { release } from './release.ts'
import { makeUsers } from './server.ts'

const config = readConfig(process.env)
const log = openLog(config.logFile)
const now = (): Date => new Date()
const db = openDatabase(
  config.databaseUrl,
  (message) => log('warn', 'database connection lost', { reason: message }),
  'users',
)
const metrics = usersMetrics(async () => {
  const rows = await db.query<{ n: number }>(
    'SELECT count(*) AS n FROM pg_stat_activity WHERE usename = current_user',
  )
  return rows[0]?.n ?? 0
})
const signer = makeSigner('tickr', config.jwtSecret, now)
const { host, port } = config
serve(makeUsers({ config, db, signer, log, metrics, release, now }), {
  host,
  port,
  log,
  version: release.version,
  close: db.end,
})
