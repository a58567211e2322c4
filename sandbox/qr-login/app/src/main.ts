// Starts the release: `node src/main.ts`, or `node src/main.js` in a release folder.
import type { AddressInfo } from 'node:net'
import type { App } from './app.ts'
import { readConfig } from './config.ts'
import { openDatabase } from './database.ts'
import { features } from './features.ts'
import { makeIdentity } from './identity.ts'
import { openLog } from './log.ts'
import { makeMetrics } from './metrics.ts'
import { readRelease } from './release.ts'
import { makeServer } from './server.ts'

const config = readConfig(process.env)
const log = openLog(config.logFile)
const release = readRelease()
const now = (): Date => new Date()
const db = openDatabase(config.databaseUrl, (message) =>
  log('warn', 'database connection lost', { reason: message }),
)
const app: App = {
  config,
  db,
  identity: makeIdentity(config, db, now),
  log,
  metrics: makeMetrics(),
  release,
  now,
}
const server = makeServer(app, features)

server.on('error', (error) => {
  log('error', 'cannot listen', { reason: error.message })
  process.exit(1)
})
server.listen(config.port, config.host, () => {
  const { port } = server.address() as AddressInfo
  log('info', 'listening', { release: release.version, port })
  process.send?.({ port })
})

function stop(why: string): void {
  log('info', 'stopping', { release: release.version, why })
  server.close(() => void db.end().finally(() => process.exit(0)))
  server.closeIdleConnections()
  // Open requests get a moment; then the process ends whatever they do.
  setTimeout(() => process.exit(0), 2_000).unref()
}
process.on('SIGTERM', () => stop('SIGTERM'))
// Whoever started us and held the channel is gone: nobody could stop us later.
process.on('disconnect', () => stop('the supervisor is gone'))
