/** A PostgreSQL URL taken apart, for a client of ours and for tools that read PG* variables. */
import { EXIT, failure } from '../core/errors.ts'

export interface DatabaseAddress {
  host: string
  port: number
  user?: string
  password?: string
  database: string
  /** libpq's word; left out: encrypted where the server can. */
  sslmode?: string
  sslrootcert?: string
}

const isLocal = (host: string) =>
  host.startsWith('/') || host === 'localhost' || host === '::1' || host.startsWith('127.')

/** Takes a URL apart. Throws exit 2 and never repeats the URL, which may hold a password. */
export function databaseAddress(url: string): DatabaseAddress {
  let parsed: URL
  try {
    parsed = new URL(url)
  } catch {
    throw notOne('it cannot be read as a URL')
  }
  if (!/^postgres(ql)?:$/.test(parsed.protocol)) throw notOne(`it begins with ${parsed.protocol}`)
  const query = parsed.searchParams
  const part = (text: string) => {
    try {
      return decodeURIComponent(text)
    } catch {
      throw notOne('a part of it has a % that encodes nothing')
    }
  }
  const user = part(parsed.username) || query.get('user')
  const password = part(parsed.password) || query.get('password')
  const name = part(parsed.pathname.slice(1)) || query.get('dbname') || user
  if (!name) throw notOne('it names no database')
  const sslmode = query.get('sslmode')
  const sslrootcert = query.get('sslrootcert')
  return {
    host: query.get('host') || part(parsed.hostname).replace(/^\[|\]$/g, '') || 'localhost',
    port: Number(parsed.port || query.get('port') || 5432),
    database: name,
    ...(user ? { user } : {}),
    ...(password ? { password } : {}),
    ...(sslmode ? { sslmode } : {}),
    ...(sslrootcert ? { sslrootcert } : {}),
  }
}

function notOne(why: string) {
  return failure(EXIT.usage, `the database's URL is not one of PostgreSQL: ${why}`, {
    hint: 'write postgres://user:password@host:5432/database',
  })
}

/** Where a database is, for people: no user, no password. */
export function databasePlace({ host, port, database }: DatabaseAddress): string {
  return `${database} on ${host.startsWith('/') ? host : `${host}:${port}`}`
}

/** How a connection of ours is to be encrypted; `maybe` asks first, as libpq's tools do. */
export function encryption({
  host,
  sslmode,
}: DatabaseAddress): 'none' | 'maybe' | 'any' | 'verified' {
  switch (sslmode) {
    case 'disable':
      return 'none'
    case 'require':
    case 'no-verify':
      return 'any'
    case 'verify-ca':
    case 'verify-full':
      return 'verified'
    default:
      return isLocal(host) ? 'none' : 'maybe'
  }
}

/** The same for psql, pg_dump and pg_restore, so that no URL stands in a list of processes. */
export function pgEnvironment(url: string): Record<string, string> {
  const address = databaseAddress(url)
  return {
    PGHOST: address.host,
    PGPORT: String(address.port),
    PGDATABASE: address.database,
    ...(address.user === undefined ? {} : { PGUSER: address.user }),
    ...(address.password === undefined ? {} : { PGPASSWORD: address.password }),
    // A mode of other clients that libpq does not know.
    ...(address.sslmode === undefined || address.sslmode === 'no-verify'
      ? {}
      : { PGSSLMODE: address.sslmode }),
    ...(address.sslrootcert === undefined ? {} : { PGSSLROOTCERT: address.sslrootcert }),
  }
}
