// What the server is told from outside.
import { type Environment, reader } from '../../../shared/kit/env.ts'

export interface Credentials {
  clientId: string
  clientSecret: string
}

export interface Config {
  databaseUrl: string
  google: Credentials & { issuer: string }
  github: Credentials & { url: string; api: string }
  secretKey: string
  accessMinutes: number
  /** Where browsers find it: a provider sends them back there. */
  publicUrl: string
  /** Figures are of so many last seconds. */
  windowSeconds: number
  logFile: string | undefined
  host: string
  port: number
}

/** The address of the database, of what POSTGRES_* say. */
export function databaseOf(env: Environment): string {
  const read = reader(env)
  const database = new URL('postgresql://localhost')
  database.hostname = read.text('POSTGRES_HOST')
  database.port = String(read.whole('POSTGRES_PORT', 5432, 1, 65_535))
  database.username = encodeURIComponent(read.text('POSTGRES_USER'))
  database.password = encodeURIComponent(read.text('POSTGRES_PASSWORD'))
  database.pathname = `/${encodeURIComponent(read.text('POSTGRES_DB'))}`
  return database.href
}

export function readConfig(env: Environment): Config {
  const read = reader(env)
  const credentials = (of: 'GOOGLE' | 'GITHUB'): Credentials => ({
    clientId: read.text(`${of}_CLIENT_ID`),
    clientSecret: read.secret(`${of}_CLIENT_SECRET`, 16),
  })
  return {
    databaseUrl: databaseOf(env),
    google: {
      ...credentials('GOOGLE'),
      issuer: read.url('GOOGLE_ISSUER', 'https://accounts.google.com'),
    },
    github: {
      ...credentials('GITHUB'),
      url: read.url('GITHUB_URL', 'https://github.com'),
      api: read.url('GITHUB_API', 'https://api.github.com'),
    },
    secretKey: read.secret('SECRET_KEY', 32),
    accessMinutes: read.whole('ACCESS_TOKEN_EXPIRE_MINUTES', 1440, 1, 525_600),
    publicUrl: read.url('PUBLIC_URL').replace(/\/$/, ''),
    windowSeconds: read.whole('METRICS_WINDOW', 300, 1, 3600),
    logFile: env['LOG_FILE'],
    host: read.text('HOST', '127.0.0.1'),
    port: read.whole('PORT', 8000, 0, 65_535),
  }
}
