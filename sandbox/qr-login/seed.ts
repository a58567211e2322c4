// What the databases hold before the first deployment: the base schema and the same
// rows, with fixed ids and times.
import { join } from 'node:path'
import type pg from 'pg'
import { makeDatabase, seedDatabase } from '../shared/host/seed.ts'
import { applyMigration, readMigrations } from './stand-ins/prisma-migrations.ts'

const APP = join(import.meta.dirname, 'app')
const BASE_MIGRATION = '20250901080000_init'
const SEEDED_AT = new Date('2025-09-01T08:00:00.000Z')

const HOTELS = [
  ['hotel-1', 'Hotel One'],
  ['hotel-test-1', 'Test Hotel'],
] as const
const ROLES = [
  ['role-admin', 'admin', 'Administrator'],
  ['role-staff', 'staff', 'Staff'],
  ['role-guest', 'guest', 'Guest'],
] as const
const PERMISSIONS = [
  ['users', 'manage'],
  ['chat', 'messages.read'],
  ['chat', 'messages.write'],
] as const
const GRANTS = [
  ['role-admin', 'users.manage'],
  ['role-staff', 'chat.messages.read'],
  ['role-staff', 'chat.messages.write'],
  ['role-guest', 'chat.messages.read'],
  ['role-guest', 'chat.messages.write'],
] as const
const USERS = [
  ['user-admin', 'admin@hotel.example', 'Admin', 'hotel-1', 'role-admin'],
  ['user-staff-1', 'desk@hotel.example', 'Front desk', 'hotel-1', 'role-staff'],
  ['user-test-1', 'guest-test@hotel.example', 'Test guest', 'hotel-test-1', 'role-guest'],
  ...Array.from(
    { length: 20 },
    (_, i) =>
      [
        `user-guest-${i + 1}`,
        `guest${i + 1}@hotel.example`,
        `Guest ${i + 1}`,
        'hotel-1',
        'role-guest',
      ] as const,
  ),
] as const

async function insertRows(client: pg.Client): Promise<void> {
  for (const [id, name] of HOTELS)
    await client.query(`INSERT INTO "Hotel" VALUES ($1, $2, $3)`, [id, name, SEEDED_AT])
  for (const role of ROLES) await client.query(`INSERT INTO "Role" VALUES ($1, $2, $3)`, [...role])
  for (const [group, rest] of PERMISSIONS) {
    const key = `${group}.${rest}`
    const [resource, action] = rest.includes('.') ? rest.split('.') : [group, rest]
    await client.query(`INSERT INTO "Permission" VALUES ($1, $2, $2, $3, $4, $5, $6)`, [
      `perm-${key}`,
      key,
      group,
      resource,
      action,
      SEEDED_AT,
    ])
  }
  for (const [role, key] of GRANTS)
    await client.query(`INSERT INTO "RolePermission" VALUES ($1, $2)`, [role, `perm-${key}`])
  for (const user of USERS)
    await client.query(`INSERT INTO "User" VALUES ($1, $2, $3, $4, $5, $6)`, [...user, SEEDED_AT])
  for (let i = 1; i <= 5; i++) {
    await client.query(`INSERT INTO "ChatMessage" VALUES ($1, 'hotel-1', $2, $3, $4)`, [
      `message-${i}`,
      `user-guest-${i}`,
      `When is breakfast? (${i})`,
      SEEDED_AT,
    ])
  }
}

async function fill(client: pg.Client): Promise<void> {
  const base = readMigrations(join(APP, 'prisma', 'migrations')).find(
    (m) => m.name === BASE_MIGRATION,
  )
  if (base === undefined) throw new Error(`migration ${BASE_MIGRATION} is missing`)
  await applyMigration(client, base, { id: '00000000-0000-4000-8000-000000000001', at: SEEDED_AT })
  await insertRows(client)
}

/** Both databases: production's, and the staging copy on the same server, named with `_staging` after it. */
export async function seedDatabases(url: string): Promise<void> {
  for (const one of [url, await makeDatabase(url, '_staging')])
    await seedDatabase(one, '_prisma_migrations', fill)
}
