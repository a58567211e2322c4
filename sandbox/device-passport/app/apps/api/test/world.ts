// An API of this source on a schema of its own in a database for tests: real SQL,
// nothing left behind.
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { randomBytes } from 'node:crypto'
import { hash } from 'bcryptjs'
import {
  type Visitor,
  leave,
  makeClock,
  makeSchema,
  visit,
} from '../../../../../shared/build/testing.ts'
import { openDatabase } from '../../../../../shared/kit/database.ts'
import { makeSigner } from '../../../../../shared/kit/tokens.ts'
import type { App } from '../src/app.ts'
import { type Config, readConfig } from '../src/config.ts'
import { features } from '../src/features.ts'
import { apiMetrics } from '../src/metrics.ts'
import { makeApi } from '../src/server.ts'
import { openSockets } from '../src/sockets.ts'
import { memoryStore } from '../src/store.ts'

export const PASSWORD = 'Correct-123'
const MIGRATIONS = join(import.meta.dirname, '../migrations')

export interface World extends Visitor {
  app: App
  /** An access token of `admin`, `engineer` or `viewer`. */
  as(role: string): Promise<string>
  later(minutes: number): void
  close(): Promise<void>
}

export async function makeWorld(changes: Partial<Config> = {}): Promise<World> {
  const url = process.env['TEST_DATABASE_URL'] ?? process.env['STAGING_DATABASE_URL'] ?? ''
  if (url === '') throw new Error('STAGING_DATABASE_URL must name a database for tests')
  const kept = await hash(PASSWORD, 4)
  const people = ['admin', 'engineer', 'viewer'].map(
    (role) => `('${role}', '${role}@test.example', '${role}', '${role}', '${kept}')`,
  )
  const statements = readdirSync(MIGRATIONS)
    .filter((name) => !name.endsWith('.down.sql'))
    .sort()
    .map((name) => readFileSync(join(MIGRATIONS, name), 'utf8'))
  const schema = await makeSchema(
    url,
    'passport_test',
    [
      ...statements,
      `INSERT INTO users (id, email, name, role, password_hash) VALUES ${people.join()};`,
      `INSERT INTO devices (id, passport_code, name, owner_id) VALUES ('d1', 'DP-ACM-2025-00001-3', 'Pump', 'engineer');`,
    ].join('\n'),
  )
  const config: Config = {
    ...readConfig({
      DATABASE_URL: url,
      JWT_SECRET: randomBytes(24).toString('hex'),
      JWT_REFRESH_SECRET: randomBytes(24).toString('hex'),
      BCRYPT_ROUNDS: '4',
      CORS_ORIGIN: 'https://passport.example',
      PORT: '0',
    }),
    ...changes,
  }
  const { now, later } = makeClock()
  const app: App = {
    config,
    db: openDatabase(url, () => undefined, schema),
    store: memoryStore(now),
    access: makeSigner('test', config.jwtSecret, now),
    refresh: makeSigner('test', config.refreshSecret, now),
    log: () => undefined,
    metrics: apiMetrics(() => Promise.resolve(1)),
    release: { version: 'test', tables: ['users', 'devices', 'audit_log', 'device_scans'] },
    now,
  }
  const server = makeApi(app, features)
  openSockets(server, app)
  return {
    app,
    ...(await visit(server)),
    as: (role) => {
      const until = new Date(now().getTime() + 900_000)
      return app.access.sign('access', role, {}, now(), until)
    },
    later,
    close: () => leave(server, app.db, schema),
  }
}
