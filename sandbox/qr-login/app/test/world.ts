// A server of this source on a schema of its own in the staging copy of the
// database: real SQL, nothing left behind.
import { readFileSync, readdirSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { randomBytes } from 'node:crypto'
import pg from 'pg'
import type { App } from '../src/app.ts'
import { type Config, readConfig } from '../src/config.ts'
import { openDatabase } from '../src/database.ts'
import { features } from '../src/features.ts'
import { type Session, makeIdentity } from '../src/identity.ts'
import { makeMetrics } from '../src/metrics.ts'
import { makeServer } from '../src/server.ts'

export const ADMIN_TOKEN = randomBytes(24).toString('hex')
const MIGRATIONS = join(import.meta.dirname, '..', 'prisma', 'migrations')

const ROWS = `
INSERT INTO "Hotel" (id, name) VALUES ('hotel-1', 'One'), ('hotel-2', 'Two');
INSERT INTO "Role" VALUES ('r-admin', 'admin', 'Administrator'), ('r-staff', 'staff', 'Staff'), ('r-guest', 'guest', 'Guest');
INSERT INTO "Permission" (id, key, name, "group", resource, action)
  SELECT k, k, k, split_part(k, '.', 1), 'x', 'x' FROM unnest(ARRAY['users.manage', 'chat.messages.read', 'chat.messages.write',
    'qr.tokens.generate', 'qr.tokens.list', 'qr.tokens.revoke', 'qr.tokens.validate']) k;
INSERT INTO "RolePermission"
  SELECT CASE WHEN key LIKE 'chat.%' THEN 'r-guest' ELSE 'r-admin' END, id FROM "Permission";
INSERT INTO "User" (id, email, "hotelId", "roleId") VALUES
  ('user-admin', 'admin@hotel.test', 'hotel-1', 'r-admin'), ('guest-1', 'g1@hotel.test', 'hotel-1', 'r-guest'), ('guest-2', 'g2@hotel.test', 'hotel-2', 'r-guest');
`

export interface Answer {
  status: number
  headers: Headers
  text: string
  json: Record<string, unknown>
}

export interface World {
  app: App
  url: string
  /** Sends a request; `as` is a bearer credential. */
  send(
    method: string,
    path: string,
    body?: unknown,
    options?: { as?: string | undefined; headers?: Record<string, string> },
  ): Promise<Answer>
  session(session: Partial<Session>): Promise<string>
  /** Moves the server's clock. */
  later(minutes: number): void
  close(): Promise<void>
}

async function makeSchema(url: string): Promise<string> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const schema = `qr_test_${Date.now()}_${randomBytes(4).toString('hex')}`
  try {
    // A test that was killed an hour ago left its schema here.
    const { rows } = await client.query<{ name: string }>(
      `SELECT nspname AS name FROM pg_namespace WHERE nspname LIKE 'qr\\_test\\_%' AND split_part(nspname, '_', 3)::bigint < $1`,
      [Date.now() - 3_600_000],
    )
    for (const { name } of rows)
      await client.query(`DROP SCHEMA IF EXISTS ${client.escapeIdentifier(name)} CASCADE`)
    const files = readdirSync(MIGRATIONS, { withFileTypes: true })
      .filter((e) => e.isDirectory())
      .map((e) => e.name)
      .sort()
    const sql = files
      .map((name) => readFileSync(join(MIGRATIONS, name, 'migration.sql'), 'utf8'))
      .join('\n')
    await client.query(`CREATE SCHEMA ${schema}; SET search_path = ${schema}; ${sql} ${ROWS}`)
    return schema
  } finally {
    await client.end()
  }
}

export async function makeWorld(changes: Partial<Config> = {}): Promise<World> {
  const databaseUrl = process.env['TEST_DATABASE_URL'] ?? process.env['STAGING_DATABASE_URL'] ?? ''
  if (databaseUrl === '')
    throw new Error('STAGING_DATABASE_URL (or TEST_DATABASE_URL) must name a database for tests')
  const schema = await makeSchema(databaseUrl)
  const config: Config = {
    ...readConfig({
      DATABASE_URL: databaseUrl,
      ADMIN_TOKEN,
      NEXTAUTH_SECRET: randomBytes(24).toString('hex'),
      PORT: '0',
    }),
    ...changes,
  }
  let shift = 0
  const now = (): Date => new Date(Date.now() + shift)
  const db = openDatabase(databaseUrl, () => undefined, schema)
  const identity = makeIdentity(config, db, now)
  const app: App = {
    config,
    db,
    identity,
    log: () => undefined,
    metrics: makeMetrics(),
    release: { version: 'test', tables: ['User'] },
    now,
  }
  const server = makeServer(app, features)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

  return {
    app,
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
    session: (s) =>
      identity.openSession({
        userId: 'guest-1',
        hotelId: 'hotel-1',
        role: 'guest',
        permissions: [],
        ...s,
      }),
    later(minutes) {
      shift += minutes * 60_000
    },
    async close() {
      server.close()
      server.closeAllConnections()
      await db.query(`DROP SCHEMA ${schema} CASCADE`)
      await db.end()
    },
  }
}
