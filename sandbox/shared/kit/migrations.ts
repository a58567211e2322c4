// Migrations as SQL files, NNN_name.sql and, where one can be taken back,
// NNN_name.down.sql. Each is applied, or taken back, in one transaction with its
// record, so that the two cannot disagree.
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type pg from 'pg'

export interface Migration {
  name: string
  up: string
  down: string | undefined
  /** SHA-256 of `up`. */
  checksum: string
}

export function readMigrations(folder: string): Migration[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.sql') && !file.endsWith('.down.sql'))
    .sort()
    .map((file) => {
      const name = file.replace(/\.sql$/, '')
      const up = readFileSync(join(folder, file), 'utf8')
      const back = join(folder, `${name}.down.sql`)
      return {
        name,
        up,
        down: existsSync(back) ? readFileSync(back, 'utf8') : undefined,
        checksum: createHash('sha256').update(up).digest('hex'),
      }
    })
}

/** How a tool records what was applied. `alembic`, TypeORM and others each have a table of their own. */
export interface Records {
  /** Makes its table where it is not there. */
  prepare(client: pg.ClientBase): Promise<void>
  /** Names of what was applied, the oldest first; none where the table is not there. */
  applied(client: pg.ClientBase): Promise<string[]>
  add(client: pg.ClientBase, migration: Migration): Promise<void>
  remove(client: pg.ClientBase, migration: Migration): Promise<void>
}

/** A table of names, checksums and times; `at` is for first starts that must be the same every time. */
export function tableOfRecords(table: string, at?: Date): Records {
  const quoted = `"${table.replaceAll('"', '""')}"`
  return {
    async prepare(client) {
      await client.query(
        `CREATE TABLE IF NOT EXISTS ${quoted} (version text PRIMARY KEY, checksum text NOT NULL, executed_at timestamptz NOT NULL DEFAULT now())`,
      )
    },
    async applied(client) {
      const { rows: there } = await client.query<{ name: string | null }>(
        'SELECT to_regclass(quote_ident($1))::text AS name',
        [table],
      )
      if (there[0]?.name == null) return []
      const { rows } = await client.query<{ version: string }>(
        `SELECT version FROM ${quoted} ORDER BY executed_at, version`,
      )
      return rows.map((row) => row.version)
    },
    async add(client, { name, checksum }) {
      await client.query(`INSERT INTO ${quoted} VALUES ($1, $2, coalesce($3, clock_timestamp()))`, [
        name,
        checksum,
        at ?? null,
      ])
    },
    async remove(client, { name }) {
      await client.query(`DELETE FROM ${quoted} WHERE version = $1`, [name])
    },
  }
}

async function inTransaction(client: pg.ClientBase, work: () => Promise<void>): Promise<void> {
  await client.query('BEGIN')
  try {
    await work()
    await client.query('COMMIT')
  } catch (error) {
    // A connection that is gone has rolled back by itself.
    await client.query('ROLLBACK').catch(() => undefined)
    throw error
  }
}

/** Applies one migration within a transaction of the caller's. */
export async function applyWithin(
  client: pg.ClientBase,
  records: Records,
  migration: Migration,
): Promise<void> {
  await records.prepare(client)
  await client.query(migration.up)
  await records.add(client, migration)
}

/** Applies one migration: it and its record, or neither. */
export function migrate(
  client: pg.ClientBase,
  records: Records,
  migration: Migration,
): Promise<void> {
  return inTransaction(client, () => applyWithin(client, records, migration))
}

/** Takes one back. Throws where it has no way back. */
export function revert(
  client: pg.ClientBase,
  records: Records,
  migration: Migration,
): Promise<void> {
  const { down, name } = migration
  if (down === undefined) throw new Error(`${name} cannot be taken back`)
  return inTransaction(client, async () => {
    await client.query(down)
    await records.remove(client, migration)
  })
}
