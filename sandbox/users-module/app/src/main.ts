// Starts the release: `node src/main.ts`, or `node src/main.js` in a release folder.
import { type Database, openDatabase } from '../../../shared/kit/database.ts'
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
const open = (url: string): Database =>
  openDatabase(
    url,
    (message) => log('warn', 'database connection lost', { reason: message }),
    'users',
    config.pool,
  )
const db = open(config.databaseUrl)
const reads = config.readUrl === undefined ? db : open(config.readUrl)
const metrics = usersMetrics(async () => {
  const rows = await db.query<{ n: number }>(
    'SELECT count(*) AS n FROM pg_stat_activity WHERE usename = current_user',
  )
  return rows[0]?.n ?? 0
})
const signer = makeSigner('tickr', config.jwtSecret, now)
const { host, port } = config
serve(makeUsers({ config, db, reads, signer, log, metrics, release, now }), {
  host,
  port,
  log,
  version: release.version,
  async close() {
    await db.end()
    if (reads !== db) await reads.end()
  },
})
