// A server of this source on a schema of its own in the staging copy of the
// database: real SQL, nothing left behind.
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { randomBytes } from 'node:crypto'
import { type Visitor, leave, makeClock, makeSchema, visit } from '../../../shared/build/testing.ts'
import { openDatabase } from '../../../shared/kit/database.ts'
import { type App, makeApp, makeHotel } from '../src/app.ts'
import { type Config, readConfig } from '../src/config.ts'
import { features } from '../src/features.ts'
import { type Session, makeIdentity } from '../src/identity.ts'

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

export interface World extends Visitor {
  app: App
  session(session: Partial<Session>): Promise<string>
  /** Moves the server's clock. */
  later(minutes: number): void
  close(): Promise<void>
}

function migrations(): string {
  const folders = readdirSync(MIGRATIONS, { withFileTypes: true }).filter((e) => e.isDirectory())
  return folders
    .map((folder) => folder.name)
    .sort()
    .map((name) => readFileSync(join(MIGRATIONS, name, 'migration.sql'), 'utf8'))
    .join('\n')
}

export async function makeWorld(changes: Partial<Config> = {}): Promise<World> {
  const databaseUrl = process.env['TEST_DATABASE_URL'] ?? process.env['STAGING_DATABASE_URL'] ?? ''
  if (databaseUrl === '')
    throw new Error('STAGING_DATABASE_URL (or TEST_DATABASE_URL) must name a database for tests')
  const schema = await makeSchema(databaseUrl, 'qr_test', `${migrations()} ${ROWS}`)
  const config: Config = {
    ...readConfig({
      DATABASE_URL: databaseUrl,
      ADMIN_TOKEN,
      NEXTAUTH_SECRET: randomBytes(24).toString('hex'),
      PORT: '0',
    }),
    ...changes,
  }
  const { now, later } = makeClock()
  const db = openDatabase(databaseUrl, () => undefined, schema)
  const identity = makeIdentity(config, db, now)
  const release = { version: 'test', tables: ['User'] }
  const app = makeApp({ config, db, identity, log: () => undefined, release, now }, features)
  const server = makeHotel(app, features)
  return {
    app,
    ...(await visit(server)),
    session: (s) =>
      identity.openSession({
        userId: 'guest-1',
        hotelId: 'hotel-1',
        role: 'guest',
        permissions: [],
        ...s,
      }),
    later,
    close: () => leave(server, db, schema),
  }
}
