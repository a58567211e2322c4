// How this application reaches its database, for itself and for TypeORM's own
// command line (`npm run migration:run` and its sisters).
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { DataSource } from 'typeorm'

const folder = join(import.meta.dirname, 'migrations')

function whole(text: string | undefined, fallback: number): number {
  const value = Number(text ?? '')
  return Number.isInteger(value) && value > 0 ? value : fallback
}

export default new DataSource({
  type: 'postgres',
  host: process.env['DB_HOST'] ?? '127.0.0.1',
  port: whole(process.env['DB_PORT'], 5432),
  username: process.env['DB_USERNAME'] ?? '',
  password: process.env['DB_PASSWORD'] ?? '',
  database: process.env['DB_NAME'] ?? '',
  schema: 'users',
  extra: {
    max: whole(process.env['DB_POOL'], 10),
    // A migration that waits for a lock holds up everybody who comes after it.
    lock_timeout: whole(process.env['DB_LOCK_TIMEOUT_MS'], 10_000),
  },
  migrations: readdirSync(folder)
    .filter((name) => /^\d+-.*\.[jt]s$/.test(name))
    .map((name) => join(folder, name)),
  migrationsTableName: 'migrations',
  migrationsTransactionMode: 'each',
})
