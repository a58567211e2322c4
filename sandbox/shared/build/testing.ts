// A server of an app's source on a schema of its own in a database for tests: real
// SQL, nothing left behind.
import { randomBytes } from 'node:crypto'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import pg from 'pg'
import type { Database } from '../kit/database.ts'

export interface Answer {
  status: number
  headers: Headers
  text: string
  json: Record<string, unknown>
}

export interface Visitor {
  url: string
  /** Sends a request; `as` is a bearer credential. */
  send(
    method: string,
    path: string,
    body?: unknown,
    options?: { as?: string | undefined; headers?: Record<string, string> },
  ): Promise<Answer>
}

/**
 * A new schema in a database, filled by these statements.
 * @param prefix tells whose it is: one that a killed test left an hour ago is removed
 */
export async function makeSchema(url: string, prefix: string, sql: string): Promise<string> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const schema = `${prefix}_${Date.now()}_${randomBytes(4).toString('hex')}`
  try {
    const { rows } = await client.query<{ name: string }>(
      `SELECT nspname AS name FROM pg_namespace WHERE starts_with(nspname, $1 || '_')
          AND split_part(substr(nspname, length($1) + 2), '_', 1)::bigint < $2`,
      [prefix, Date.now() - 3_600_000],
    )
    for (const { name } of rows)
      await client.query(`DROP SCHEMA IF EXISTS ${client.escapeIdentifier(name)} CASCADE`)
    await client.query(`CREATE SCHEMA ${schema}; SET search_path = ${schema}; ${sql}`)
    return schema
  } finally {
    await client.end()
  }
}

/** A clock that can be put forward. */
export function makeClock(): { now: () => Date; later: (minutes: number) => void } {
  let shift = 0
  return {
    now: () => new Date(Date.now() + shift),
    later(minutes) {
      shift += minutes * 60_000
    },
  }
}

/** Ends a server, and removes the schema that it was on. */
export async function leave(server: Server, db: Database, schema: string): Promise<void> {
  server.close()
  server.closeAllConnections()
  await db.query(`DROP SCHEMA ${schema} CASCADE`)
  await db.end()
}

/** Listens on a free port and sends requests there. */
export async function visit(server: Server): Promise<Visitor> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url,
    async send(method, path, body, options = {}) {
      const answer = await fetch(url + path, {
        method,
        redirect: 'manual',
        ...(body === undefined
          ? {}
          : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
        headers: {
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(options.as === undefined ? {} : { authorization: `Bearer ${options.as}` }),
          ...options.headers,
        },
      })
      const text = await answer.text()
      const isJson =
        (answer.headers.get('content-type') ?? '').startsWith('application/json') && text !== ''
      return {
        status: answer.status,
        headers: answer.headers,
        text,
        json: isJson ? (JSON.parse(text) as Record<string, unknown>) : {},
      }
    },
  }
}
