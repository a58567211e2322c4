// A server of this source on a schema of its own in a database for tests: real SQL,
// nothing left behind.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { randomBytes } from 'node:crypto'
import type { QueryRunner } from 'typeorm'
import { type Visitor, leave, makeClock, makeSchema, visit } from '../../../shared/build/testing.ts'
import { openDatabase } from '../../../shared/kit/database.ts'
import { makeSigner } from '../../../shared/kit/tokens.ts'
import type { App } from '../src/app.ts'
import { type Config, readConfig } from '../src/config.ts'
import { usersMetrics } from '../src/metrics.ts'
import { makeUsers } from '../src/server.ts'

export interface World extends Visitor {
  app: App
  later(minutes: number): void
  close(): Promise<void>
}

/** The statements of all migrations, as they are for that schema. */
async function statements(): Promise<string> {
  const folder = join(import.meta.dirname, '../src/migrations')
  const said: string[] = []
  const runner = { query: (text: string) => Promise.resolve(void said.push(text)) }
  for (const file of readdirSync(folder).sort()) {
    const found = (await import(join(folder, file))) as Record<
      string,
      new () => { up(runner: QueryRunner): Promise<void> }
    >
    for (const Migration of Object.values(found))
      await new Migration().up(runner as unknown as QueryRunner)
  }
  return said.join(';\n').replaceAll(' users.', ' ')
}

export async function makeWorld(changes: Partial<Config> = {}): Promise<World> {
  const config: Config = {
    ...readConfig({
      DB_HOST: 'localhost',
      DB_USERNAME: 'none',
      DB_PASSWORD: 'none',
      DB_NAME: 'none',
      JWT_SECRET: randomBytes(24).toString('hex'),
      BCRYPT_ROUNDS: '4',
      PORT: '0',
      CORS_ORIGINS: 'https://app.tickr.example',
    }),
    ...changes,
  }
  const url = process.env['DATABASE_URL'] ?? ''
  if (url === '') throw new Error('DATABASE_URL must name a database for tests')
  const schema = await makeSchema(url, 'tickr_test', await statements())
  const { now, later } = makeClock()
  const db = openDatabase(url, () => undefined, schema)
  const metrics = usersMetrics(() => Promise.resolve(1))
  const release = { version: 'test', tables: ['users', 'refresh_tokens'] }
  const signer = makeSigner('tickr', config.jwtSecret, now)
  const app: App = { config, db, reads: db, signer, log: () => undefined, metrics, release, now }
  const server = makeUsers(app)
  return {
    app,
    ...(await visit(server)),
    later,
    close: () => leave(server, db, schema),
  }
}
