// What is there before the first deployment: a few hundred users, with their
// confidential values in plain text, and the record of the migrations before.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type pg from 'pg'
import { hashWithSalt } from './app/src/accounts/passwords.ts'
import { people } from './people.ts'

const SEEDED_AT = '2025-09-01T08:00:00.000Z'
const BASE = join(import.meta.dirname, 'app/migrations/000_base.sql')
const BEFORE = ['021_add_vault_items', '022_add_two_factor', '023_add_phone_number']

const saltOf = (id: string): Buffer => createHash('sha256').update(id).digest().subarray(0, 16)

export async function fill(client: pg.Client): Promise<void> {
  await client.query(readFileSync(BASE, 'utf8'))
  await client.query('INSERT INTO schema_migrations SELECT v, $2 FROM unnest($1::text[]) v', [
    BEFORE,
    SEEDED_AT,
  ])
  const columns = (['id', 'email', 'secret', 'phone'] as const).map((name) =>
    people.map((person) => person[name]),
  )
  const hashes = people.map(({ id, password }) => hashWithSalt(password, saltOf(id)))
  await client.query(
    `INSERT INTO users (id, email, two_factor_secret, phone_number, password_hash, created_at)
     SELECT *, $6::timestamptz FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])`,
    [...columns, hashes, SEEDED_AT],
  )
  await client.query(
    `INSERT INTO vault_items SELECT 'item-' || id || '-' || n, id, 'Item ' || n, $1 FROM users, generate_series(1, 2) n`,
    [SEEDED_AT],
  )
}
