// Revisions as alembic has them, each a file of SQL with both ways in it, and its own
// table, which holds the one that a database is at.
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Migration, Records } from '../../shared/kit/migrations.ts'

export interface Revision extends Migration {
  /** Undefined for the first one. */
  revises: string | undefined
  message: string
}

const FORM =
  /^-- (.*)\n[^]*?^-- Revision ID: *(\w+)\n-- Revises: *(\w*)\n[^]*?^-- upgrade\n([^]*)^-- downgrade\n([^]*)$/m

function readRevision(file: string): Revision {
  const [all, message = '', name = '', revises = '', up = '', down = ''] =
    FORM.exec(readFileSync(file, 'utf8')) ?? []
  if (all === undefined) throw new Error(`Could not determine revision id from filename ${file}`)
  return { name, message, revises: revises === '' ? undefined : revises, up, down, checksum: '' }
}

/** In their order, the first one first. They are one line, without branches. */
export function readRevisions(folder: string): Revision[] {
  const files = readdirSync(folder).filter((file) => file.endsWith('.sql'))
  const all = files.map((file) => readRevision(join(folder, file)))
  const line: Revision[] = []
  for (;;) {
    const next = all.filter(({ revises }) => revises === line.at(-1)?.name)
    if (next.length > 1) throw new Error('Multiple head revisions are present')
    if (next[0] === undefined) return line
    line.push(next[0])
  }
}

export class Unknown extends Error {}

/** Where `name` is in the line; alembic's own words where it is not. */
export function placeOf(line: readonly Revision[], name: string): number {
  const found = line.findIndex((one) => one.name.startsWith(name))
  if (found < 0 || name === '') throw new Unknown(`Can't locate revision identified by '${name}'`)
  return found
}

export function recordsOf(line: readonly Revision[]): Records {
  const before = ({ name }: Migration): string | undefined =>
    line.find((one) => one.name === name)?.revises
  return {
    async prepare(client) {
      await client.query(
        `CREATE TABLE IF NOT EXISTS alembic_version
           (version_num varchar(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))`,
      )
    },
    async applied(client) {
      const { rows: there } = await client.query<{ name: string | null }>(
        `SELECT to_regclass('alembic_version')::text AS name`,
      )
      if (there[0]?.name == null) return []
      const { rows } = await client.query<{ version_num: string }>(
        'SELECT version_num FROM alembic_version',
      )
      const at = rows[0]?.version_num
      return at === undefined ? [] : line.slice(0, placeOf(line, at) + 1).map(({ name }) => name)
    },
    async add(client, migration) {
      const old = before(migration)
      await (old === undefined
        ? client.query('INSERT INTO alembic_version VALUES ($1)', [migration.name])
        : client.query('UPDATE alembic_version SET version_num = $1 WHERE version_num = $2', [
            migration.name,
            old,
          ]))
    },
    async remove(client, migration) {
      const old = before(migration)
      await (old === undefined
        ? client.query('DELETE FROM alembic_version')
        : client.query('UPDATE alembic_version SET version_num = $1', [old]))
    },
  }
}
