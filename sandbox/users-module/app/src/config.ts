// What the server is told from outside.
import { type Environment, reader } from '../../../shared/kit/env.ts'

export interface Config {
  databaseUrl: string
  /** Of the replica that is read from; undefined: there is none. */
  readUrl: string | undefined
  /** Connections at most, to each of them. */
  pool: number
  jwtSecret: string
  accessSeconds: number
  refreshSeconds: number
  bcryptRounds: number
  loginsPerMinute: number
  allowedOrigins: readonly string[]
  cacheSeconds: number
  logFile: string | undefined
  host: string
  port: number
}

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 }

/** `15m`, `7d`. */
export function seconds(text: string, name: string): number {
  const [, count = '', unit = ''] = /^(\d{1,6})([smhd])$/.exec(text) ?? []
  const size = SECONDS[unit]
  if (size === undefined) throw new Error(`${name} must be a time such as 15m or 7d`)
  return Number(count) * size
}

export function readConfig(env: Environment): Config {
  const read = reader(env)
  const url = new URL('postgresql://localhost')
  url.hostname = read.text('DB_HOST')
  url.port = read.text('DB_PORT', '5432')
  url.username = encodeURIComponent(read.text('DB_USERNAME'))
  url.password = encodeURIComponent(read.text('DB_PASSWORD'))
  url.pathname = `/${encodeURIComponent(read.text('DB_NAME'))}`
  const replica = read.text('DB_READ_HOST', '')
  const readUrl = new URL(url)
  readUrl.hostname = replica
  // The server shows who reads.
  readUrl.searchParams.set('application_name', 'tickr-read')
  return {
    databaseUrl: url.href,
    readUrl: replica === '' ? undefined : readUrl.href,
    pool: read.whole('DB_POOL', 10, 1, 100),
    // 256 bits.
    jwtSecret: read.secret('JWT_SECRET', 32),
    accessSeconds: seconds(read.text('JWT_ACCESS_EXPIRATION', '15m'), 'JWT_ACCESS_EXPIRATION'),
    refreshSeconds: seconds(read.text('JWT_REFRESH_EXPIRATION', '7d'), 'JWT_REFRESH_EXPIRATION'),
    bcryptRounds: read.whole('BCRYPT_ROUNDS', 10, 4, 16),
    loginsPerMinute: read.whole('THROTTLE_LOGINS', 5, 1, 1000),
    allowedOrigins: read.list('CORS_ORIGINS'),
    cacheSeconds: read.whole('CACHE_TTL', 300, 0, 86_400),
    logFile: env['LOG_FILE'],
    host: read.text('HOST', '127.0.0.1'),
    port: read.whole('PORT', 3000, 0, 65_535),
  }
}
