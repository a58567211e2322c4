// What the database holds before the first deployment: the base schema, the same people
// and devices every time, and the application's own role, as the written document makes it.
import { join } from 'node:path'
import { hash } from 'bcryptjs'
import type pg from 'pg'
import { makeDatabase, seedDatabase } from '../shared/host/seed.ts'
import { applyWithin, readMigrations, tableOfRecords } from '../shared/kit/migrations.ts'
import { codeOf } from './app/packages/shared/src/passport.ts'

const SEEDED_AT = new Date('2025-09-01T08:00:00.000Z')
const PEOPLE = 24
const DEVICES = 60

export interface Seed {
  role: string
  rolePassword: string
  /** Of the administrator whom a person has made. */
  adminEmail: string
  adminPassword: string
}

async function makeRole(client: pg.Client, { role, rolePassword }: Seed): Promise<void> {
  const { rows } = await client.query('SELECT 1 FROM pg_roles WHERE rolname = $1', [role])
  const name = client.escapeIdentifier(role)
  if (rows.length === 0)
    await client.query(`CREATE ROLE ${name} LOGIN PASSWORD ${client.escapeLiteral(rolePassword)}`)
  const { rows: names } = await client.query<{ name: string }>('SELECT current_database() AS name')
  await client.query(
    `GRANT ALL PRIVILEGES ON DATABASE ${client.escapeIdentifier(names[0]?.name ?? '')} TO ${name};
     GRANT SELECT, INSERT, UPDATE, DELETE ON users, devices TO ${name}`,
  )
}

async function fill(client: pg.Client, seed: Seed): Promise<void> {
  const [base] = readMigrations(join(import.meta.dirname, 'app/apps/api/migrations'))
  if (base === undefined) throw new Error('the first migration is missing')
  await applyWithin(client, tableOfRecords('migrations', SEEDED_AT), base)
  // What nobody knows, so that nobody logs in with it.
  const nobody = '$2b$10$abcdefghijklmnopqrstuuk.0I0iReHE5fhBbtQArPZDix304Os0O'
  const insert = `INSERT INTO users (id, email, name, role, password_hash, created_at) VALUES ($1, $2, $3, $4, $5, $6)`
  const admin = await hash(seed.adminPassword, 10)
  await client.query(insert, ['user-admin', seed.adminEmail, 'Admin', 'admin', admin, SEEDED_AT])
  for (let n = 1; n < PEOPLE; n++)
    await client.query(insert, [
      `user-${n}`,
      `user${n}@device-passport.example`,
      `User ${n}`,
      n <= 6 ? 'engineer' : 'viewer',
      nobody,
      SEEDED_AT,
    ])
  for (let number = 1; number <= DEVICES; number++)
    await client.query(
      `INSERT INTO devices (id, passport_code, name, owner_id, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $5)`,
      [
        `device-${number}`,
        codeOf({ maker: 'ACM', year: 2025, number }),
        `Infusion pump ${number}`,
        `user-${1 + (number % 6)}`,
        SEEDED_AT,
      ],
    )
  await makeRole(client, seed)
}

/** Both databases: production's, and the staging copy on the same server, named with `_staging` after it. */
export async function seedDatabases(url: string, seed: Seed): Promise<void> {
  for (const one of [url, await makeDatabase(url, '_staging')])
    await seedDatabase(one, 'migrations', (client) => fill(client, seed))
}
