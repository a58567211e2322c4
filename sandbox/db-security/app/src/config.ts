// What the server is told from outside.
import { type Environment, reader } from '../../../shared/kit/env.ts'

export interface Config {
  databaseUrl: string
  adminToken: string
  sessionSecret: string
  /** Seals values of users; a release that does not encrypt needs none. Never logged. */
  encryptionKey: string | undefined
  maintenance: boolean
  /** How many of a hundred users have their logins tracked. */
  trackingPercent: number
  /** Takes text messages and mails. */
  messageGateway: string
  /** Of how many seconds the figures of /metrics tell. */
  windowSeconds: number
  logFile: string | undefined
  host: string
  port: number
}

export function readConfig(env: Environment): Config {
  const read = reader(env)
  return {
    databaseUrl: read.text('DATABASE_URL'),
    adminToken: read.secret('ADMIN_TOKEN'),
    sessionSecret: read.secret('SESSION_SECRET'),
    encryptionKey: env['SYSTEM_ENCRYPTION_KEY'],
    maintenance: read.flag('MAINTENANCE_MODE', false),
    trackingPercent: read.whole('FEATURE_SECURITY_TRACKING_PERCENT', 0, 0, 100),
    messageGateway: read.url('MESSAGE_GATEWAY'),
    windowSeconds: read.whole('METRICS_WINDOW', 60, 1, 3600),
    logFile: env['LOG_FILE'],
    host: read.text('HOST', '127.0.0.1'),
    port: read.whole('PORT', 3000, 0, 65_535),
  }
}
