// What the server is told from outside.
import { type Environment, reader } from '../../../shared/kit/env.ts'

export interface Config {
  databaseUrl: string
  adminToken: string
  signingSecret: string
  tokenMinutes: number
  sessionHours: number
  allowedOrigins: readonly string[]
  logFile: string | undefined
  host: string
  port: number
}

export function readConfig(env: Environment): Config {
  const read = reader(env)
  return {
    databaseUrl: read.text('DATABASE_URL'),
    adminToken: read.secret('ADMIN_TOKEN'),
    signingSecret: read.secret('NEXTAUTH_SECRET'),
    tokenMinutes: read.whole('QR_TOKEN_EXPIRY', 60, 1, 24 * 60),
    sessionHours: read.whole('SESSION_EXPIRY_HOURS', 24, 1, 24 * 30),
    allowedOrigins: read.list('ALLOWED_ORIGINS'),
    logFile: env['LOG_FILE'],
    host: read.text('HOST', '127.0.0.1'),
    port: read.whole('PORT', 3000, 0, 65_535),
  }
}
