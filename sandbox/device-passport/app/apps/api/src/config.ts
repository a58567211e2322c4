// What the server is told from outside.
import { type Environment, reader } from '../../../../../shared/kit/env.ts'

export interface Config {
  databaseUrl: string
  /** Undefined where sessions and caches stay in the memory of the process. */
  redis: { url: string; password: string; ca: string | undefined } | undefined
  jwtSecret: string
  refreshSecret: string
  accessSeconds: number
  refreshSeconds: number
  bcryptRounds: number
  allowedOrigins: readonly string[]
  /** Requests of one address in so many seconds. */
  requests: { most: number; seconds: number }
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
  const redisUrl = read.text('REDIS_URL', 'none')
  const [jwtSecret, refreshSecret] = [read.secret('JWT_SECRET'), read.secret('JWT_REFRESH_SECRET')]
  if (jwtSecret === refreshSecret) throw new Error('JWT_REFRESH_SECRET must not be JWT_SECRET')
  const allowedOrigins = read.list('CORS_ORIGIN')
  if (allowedOrigins.includes('*')) throw new Error('CORS_ORIGIN must name its origins, not *')
  return {
    databaseUrl: read.url('DATABASE_URL'),
    redis:
      redisUrl === 'none'
        ? undefined
        : { url: redisUrl, password: read.text('REDIS_PASSWORD'), ca: env['REDIS_CA'] },
    jwtSecret,
    refreshSecret,
    accessSeconds: seconds(read.text('JWT_EXPIRES_IN', '15m'), 'JWT_EXPIRES_IN'),
    refreshSeconds: seconds(read.text('JWT_REFRESH_EXPIRES_IN', '7d'), 'JWT_REFRESH_EXPIRES_IN'),
    bcryptRounds: read.whole('BCRYPT_ROUNDS', 10, 4, 16),
    allowedOrigins,
    requests: {
      most: read.whole('THROTTLE_LIMIT', 100, 1, 100_000),
      seconds: read.whole('THROTTLE_TTL', 60, 1, 3600),
    },
    logFile: env['LOG_FILE'],
    host: read.text('HOST', '127.0.0.1'),
    port: read.whole('PORT', 3000, 0, 65_535),
  }
}
