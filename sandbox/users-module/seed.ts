// What the database holds before the first deployment: a role that is no superuser,
// its schema with what TypeORM made of it, and the same users every time.
import { join } from 'node:path'
import pg from 'pg'
import { DataSource } from 'typeorm'
import { seedDatabase } from '../shared/host/seed.ts'

/** `Seed-Password-1` with ten rounds; they log in once and are kept with more. */
const HASH = '$2b$10$abcdefghijklmnopqrstuuk.0I0iReHE5fhBbtQArPZDix304Os0O'
const FIRST = join(import.meta.dirname, 'app/src/migrations/1735689600000-CreateUsers.ts')
const SEEDED_AT = new Date('2025-01-06T08:00:00.000Z')
const USERS = 40

export interface Owner {
  role: string
  password: string
}

/** Makes the role and its schema. Its password is the sandbox's own, the same at every start. */
async function makeRole(url: string, { role, password }: Owner): Promise<void> {
  await seedDatabase(url, 'seeded', async (client) => {
    const name = client.escapeIdentifier(role)
    await client.query(`CREATE ROLE ${name} LOGIN PASSWORD ${client.escapeLiteral(password)}`)
    await client.query(`CREATE SCHEMA users AUTHORIZATION ${name}`)
    await client.query(`CREATE TABLE seeded AS SELECT now() AS at`)
  })
}

async function insertUsers(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(
      `INSERT INTO users.users
       SELECT ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, 'user' || n || '@tickr.example', $1, 'User', n::text, $2
         FROM generate_series(1, ${USERS}) AS n ON CONFLICT DO NOTHING`,
      [HASH, SEEDED_AT],
    )
  } finally {
    await client.end()
  }
}

/** Fills the database that `url` (an owner's) names. Gives the address for the application's own role. */
export async function seed(url: string, owner: Owner): Promise<void> {
  await makeRole(url, owner)
  const at = new URL(url)
  const source = new DataSource({
    type: 'postgres',
    host: at.hostname,
    port: Number(at.port),
    username: owner.role,
    password: owner.password,
    database: at.pathname.slice(1),
    schema: 'users',
    migrations: [FIRST],
    migrationsTableName: 'migrations',
  })
  await source.initialize()
  const made = await source.runMigrations()
  await source.destroy()
  if (made.length > 0) await insertUsers(url)
}
