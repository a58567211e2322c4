// What the server is told from outside. Everything is read once, at start, so
// that a wrong value stops the start and not the hundredth request.

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

type Environment = Record<string, string | undefined>

function needed(env: Environment, name: string): string {
  const value = env[name]
  if (value === undefined || value === '') throw new Error(`${name} is not set`)
  return value
}

function secret(env: Environment, name: string): string {
  const value = needed(env, name)
  // The message names the variable and never its value.
  if (value.length < 32) throw new Error(`${name} must have at least 32 characters`)
  return value
}

function whole(env: Environment, name: string, fallback: number, from: number, to: number): number {
  const text = env[name]
  if (text === undefined || text === '') return fallback
  const value = Number(text)
  if (!Number.isInteger(value) || value < from || value > to) {
    throw new Error(`${name} must be a whole number from ${from} to ${to}`)
  }
  return value
}

export function readConfig(env: Environment): Config {
  return {
    databaseUrl: needed(env, 'DATABASE_URL'),
    adminToken: secret(env, 'ADMIN_TOKEN'),
    signingSecret: secret(env, 'NEXTAUTH_SECRET'),
    tokenMinutes: whole(env, 'QR_TOKEN_EXPIRY', 60, 1, 24 * 60),
    sessionHours: whole(env, 'SESSION_EXPIRY_HOURS', 24, 1, 24 * 30),
    allowedOrigins: (env['ALLOWED_ORIGINS'] ?? '')
      .split(',')
      .map((o) => o.trim())
      .filter((o) => o !== ''),
    logFile: env['LOG_FILE'],
    host: env['HOST'] ?? '127.0.0.1',
    port: whole(env, 'PORT', 3000, 0, 65_535),
  }
}
