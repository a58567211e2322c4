// Applies migration folders and records them as Prisma does.
import { createHash, randomUUID } from 'node:crypto'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type pg from 'pg'

export interface Migration {
  name: string
  sql: string
  checksum: string
}

export interface Applied {
  name: string
  checksum: string
  finished: boolean
}

const RECORD = `CREATE TABLE IF NOT EXISTS "_prisma_migrations" (
    id                  VARCHAR(36) PRIMARY KEY NOT NULL,
    checksum            VARCHAR(64) NOT NULL,
    finished_at         TIMESTAMPTZ,
    migration_name      VARCHAR(255) NOT NULL,
    logs                TEXT,
    rolled_back_at      TIMESTAMPTZ,
    started_at          TIMESTAMPTZ NOT NULL DEFAULT now(),
    applied_steps_count INTEGER NOT NULL DEFAULT 0
)`

export function readMigrations(dir: string): Migration[] {
  return readdirSync(dir, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join(dir, entry.name, 'migration.sql')))
    .map((entry) => {
      const sql = readFileSync(join(dir, entry.name, 'migration.sql'), 'utf8')
      return { name: entry.name, sql, checksum: createHash('sha256').update(sql).digest('hex') }
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

export async function readApplied(client: pg.Client): Promise<Applied[]> {
  const { rows: there } = await client.query<{ n: string | null }>(
    `SELECT to_regclass('"_prisma_migrations"')::text AS n`,
  )
  if (there[0]?.n == null) return []
  const { rows } = await client.query<Applied>(
    `SELECT migration_name AS name, checksum, finished_at IS NOT NULL AS finished
       FROM "_prisma_migrations" WHERE rolled_back_at IS NULL ORDER BY migration_name`,
  )
  return rows
}

/** A first start is the same to the byte every time, so its records have fixed ids and times. */
export interface Fixed {
  id: string
  at: Date
}

export async function applyMigration(
  client: pg.Client,
  migration: Migration,
  fixed?: Fixed,
): Promise<void> {
  const id = fixed?.id ?? randomUUID()
  const at = fixed?.at ?? null
  await client.query(RECORD)
  await client.query(
    `INSERT INTO "_prisma_migrations" (id, checksum, migration_name, started_at) VALUES ($1, $2, $3, coalesce($4, now()))`,
    [id, migration.checksum, migration.name, at],
  )
  try {
    // Several statements in one simple query are one transaction: all of it or nothing.
    await client.query(migration.sql)
  } catch (error) {
    // Where even this cannot be written, what went wrong with the migration is what to tell.
    await client
      .query(`UPDATE "_prisma_migrations" SET logs = $2 WHERE id = $1`, [
        id,
        error instanceof Error ? error.message : String(error),
      ])
      .catch(() => undefined)
    throw error
  }
  await client.query(
    `UPDATE "_prisma_migrations" SET finished_at = coalesce($2, clock_timestamp()), applied_steps_count = 1 WHERE id = $1`,
    [id, at],
  )
}
