// What is there before the first deployment: two databases with the base schema
// and the same rows, and a previous release that serves. Fixed ids and times, so
// that "as before" can be compared to the byte; done once, whole or not at all.
import { existsSync, mkdirSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { buildRelease } from '../app/scripts/release.ts'
import { applyMigration, readMigrations } from './migrate.ts'

const PREVIOUS = '1.0.0'
const APP = join(import.meta.dirname, '..', 'app')
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

async function connect(url: string): Promise<pg.Client> {
  // The server may have been started a moment ago.
  for (let attempt = 1; ; attempt++) {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 })
    client.on('error', () => undefined)
    try {
      await client.connect()
      return client
    } catch (error) {
      await client.end().catch(() => undefined)
      if (attempt === 20) throw error
      await sleep(500)
    }
  }
}

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

async function seedDatabase(url: string): Promise<void> {
  const client = await connect(url)
  try {
    const { rows } = await client.query<{ n: string | null }>(
      `SELECT to_regclass('"_prisma_migrations"')::text AS n`,
    )
    if (rows[0]?.n != null) return
    const base = readMigrations(join(APP, 'prisma', 'migrations')).find(
      (m) => m.name === BASE_MIGRATION,
    )
    if (base === undefined) throw new Error(`migration ${BASE_MIGRATION} is missing`)
    await client.query('BEGIN')
    await applyMigration(client, base, {
      id: '00000000-0000-4000-8000-000000000001',
      at: SEEDED_AT,
    })
    await insertRows(client)
    const { rows: statements } = await client.query(
      `SELECT 1 FROM pg_available_extensions WHERE name = 'pg_stat_statements'
        AND current_setting('shared_preload_libraries') LIKE '%pg_stat_statements%'`,
    )
    if (statements.length === 1)
      await client.query('CREATE EXTENSION IF NOT EXISTS pg_stat_statements')
    await client.query('COMMIT')
  } finally {
    await client.end()
  }
}

/** The address of the staging copy: the same server, the database's name with `_staging` after it. */
function stagingUrl(url: string): { url: string; name: string } {
  const at = new URL(url)
  at.pathname += '_staging'
  return { url: at.href, name: decodeURIComponent(at.pathname.slice(1)) }
}

export async function seedDatabases(url: string): Promise<void> {
  await seedDatabase(url)
  const staging = stagingUrl(url)
  const client = await connect(url)
  try {
    const { rows } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [
      staging.name,
    ])
    if (rows.length === 0)
      await client.query(`CREATE DATABASE ${client.escapeIdentifier(staging.name)}`)
  } finally {
    await client.end()
  }
  await seedDatabase(staging.url)
}

/** Folders that a machine has before anything is deployed to it, so that no deployment makes them. */
export function seedFolders(dir: string): void {
  for (const name of ['backups', 'config', 'monitoring/dashboards', 'monitoring/scrape.d']) {
    mkdirSync(join(dir, name), { recursive: true })
  }
}

export async function seedReleases(releases: string): Promise<void> {
  const link = join(releases, 'current')
  if (existsSync(link)) return
  mkdirSync(releases, { recursive: true })
  await buildRelease({
    source: APP,
    out: join(releases, PREVIOUS),
    version: PREVIOUS,
    without: ['qr'],
    features: 'features.previous.ts',
    tables: ['User'],
  })
  rmSync(`${link}.new`, { force: true })
  symlinkSync(PREVIOUS, `${link}.new`)
  renameSync(`${link}.new`, link)
}
