// What the database holds before the first deployment: its first revision, and forty people.
import { join } from 'node:path'
import type pg from 'pg'
import { applyWithin } from '../shared/kit/migrations.ts'
import { people, subjectOf } from './people.ts'
import { readRevisions, recordsOf } from './stand-ins/revisions.ts'

const SEEDED_AT = '2025-09-01T08:00:00.000Z'

export async function fill(client: pg.Client): Promise<void> {
  const line = readRevisions(join(import.meta.dirname, 'app/alembic/versions'))
  const [first] = line
  if (first === undefined) throw new Error('there is no first revision')
  await applyWithin(client, recordsOf(line), first)
  await client.query(
    `INSERT INTO users (id, email, provider, subject, role, created_at)
     SELECT ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, email, provider, subject, role, $5
       FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) WITH ORDINALITY AS p (email, provider, subject, role, n)`,
    [
      people.map(({ email }) => email),
      people.map(({ provider }) => provider),
      people.map(({ provider, email }) => subjectOf(provider, email)),
      people.map(({ role }) => role),
      SEEDED_AT,
    ],
  )
}
