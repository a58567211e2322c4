// Starts the release: `node src/main.ts`, or `node src/main.js` in a release folder.
import { openDatabase } from '../../../shared/kit/database.ts'
import { openLog } from '../../../shared/kit/log.ts'
import { serve } from '../../../shared/kit/server.ts'
import { makeApp, makeHotel } from './app.ts'
import { readConfig } from './config.ts'
import { features } from './features.ts'
import { makeIdentity } from './identity.ts'
import { release } from './release.ts'

const config = readConfig(process.env)
const log = openLog(config.logFile)
const now = (): Date => new Date()
const db = openDatabase(config.databaseUrl, (message) =>
  log('warn', 'database connection lost', { reason: message }),
)
const identity = makeIdentity(config, db, now)
const app = makeApp({ config, db, identity, log, release, now }, features)
const { host, port } = config
serve(makeHotel(app, features), { host, port, log, version: release.version, close: db.end })
