// A backend of this source on a schema of its own, with the providers that GOOGLE_ISSUER and
// GITHUB_URL name: real SQL, real logins, nothing left behind.
import { readFileSync, readdirSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { type Visitor, leave, makeClock, makeSchema, visit } from '../../../shared/build/testing.ts'
import { openDatabase } from '../../../shared/kit/database.ts'
import type { Level } from '../../../shared/kit/log.ts'
import { makeSigner } from '../../../shared/kit/tokens.ts'
import { type Page, logIn, openBrowser } from '../scripts/browser.ts'
import { databaseUrl } from '../scripts/database.ts'
import type { App } from '../src/app.ts'
import { readConfig } from '../src/config.ts'
import { backendMetrics } from '../src/metrics.ts'
import { makeProviders } from '../src/providers.ts'
import { makeBackend } from '../src/server.ts'

const REVISIONS = join(import.meta.dirname, '../alembic/versions')
const ADMIN = `INSERT INTO users (id, email, provider, subject, role)
  VALUES ('00000000-0000-4000-8000-000000000001', 'admin@clinic.example', 'google', 'none', 'admin')`

/** What all revisions do on their way up: the first is the one that revises none. */
function statements(): string {
  const files = readdirSync(REVISIONS).map((file) => readFileSync(join(REVISIONS, file), 'utf8'))
  const first = (text: string): number => (/^-- Revises: *$/m.test(text) ? 0 : 1)
  const ups = files
    .sort((a, b) => first(a) - first(b))
    .map((text) => /^-- upgrade\n([^]*)^-- downgrade\n/m.exec(text)?.[1] ?? '')
  return `${ups.join(';')}; ${ADMIN}`
}

export interface World extends Visitor {
  app: App
  logged: { level: Level; message: string }[]
  logIn(provider: string, email: string): Promise<Page>
  /** The token of whoever logs in. */
  tokenOf(email: string): Promise<string>
  later(minutes: number): void
  close(): Promise<void>
}

export async function makeWorld(changes: Record<string, string> = {}): Promise<World> {
  const url = databaseUrl(process.env)
  const schema = await makeSchema(url, 'prosight_test', statements())
  const front = createServer()
  const visitor = await visit(front)
  const config = readConfig({
    POSTGRES_HOST: 'none',
    POSTGRES_USER: 'none',
    POSTGRES_PASSWORD: 'none',
    POSTGRES_DB: 'none',
    SECRET_KEY: 'x'.repeat(32),
    ...process.env,
    PUBLIC_URL: visitor.url,
    ...changes,
  })
  const { now, later } = makeClock()
  const db = openDatabase(url, () => undefined, schema)
  const logged: World['logged'] = []
  const app: App = {
    config,
    db,
    logger: () => (level, message) => void logged.push({ level, message }),
    metrics: backendMetrics(300),
    providers: makeProviders(config),
    release: { version: 'test', tables: ['users'] },
    signer: makeSigner('prosight', config.secretKey, now),
    now,
  }
  const backend = makeBackend(app)
  front.on('request', (request, response) => backend.emit('request', request, response))
  const login = (provider: string, email: string): Promise<Page> =>
    logIn(openBrowser(), visitor.url, provider, email)
  return {
    ...visitor,
    app,
    logged,
    logIn: login,
    tokenOf: async (email) => String((await login('google', email)).json['access_token']),
    later,
    close: () => leave(front, db, schema),
  }
}
