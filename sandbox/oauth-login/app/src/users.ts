// The users in the database. A role that is not told is the one that the database gives.
import { randomUUID } from 'node:crypto'
import type { Database } from '../../../shared/kit/database.ts'
import { COLUMNS, type User } from './profile.ts'
import type { Identity } from './providers.ts'

export async function userById(db: Database, id: string): Promise<User | undefined> {
  const [user] = await db.query<User>(`SELECT ${COLUMNS} FROM users WHERE id = $1`, [id])
  return user
}

/** By the provider's number, or else by the address that the provider has verified. */
async function known(
  db: Database,
  { provider, subject, email }: Identity,
): Promise<User | undefined> {
  const [user] = await db.query<User>(
    `SELECT ${COLUMNS} FROM users WHERE (provider = $1 AND subject = $2) OR email = $3
      ORDER BY (provider = $1 AND subject = $2) DESC LIMIT 1`,
    [provider, subject, email],
  )
  return user
}

/** Whoever logs in for the first time becomes a user; nothing of one who is there changes. */
export async function userOf(
  db: Database,
  identity: Identity,
): Promise<{ user: User; isNew: boolean }> {
  const there = await known(db, identity)
  if (there !== undefined) return { user: there, isNew: false }
  const { provider, subject, email } = identity
  const [made] = await db.query<User>(
    `INSERT INTO users (id, email, provider, subject) VALUES ($1, $2, $3, $4)
     ON CONFLICT DO NOTHING RETURNING ${COLUMNS}`,
    [randomUUID(), email, provider, subject],
  )
  if (made !== undefined) return { user: made, isNew: true }
  // Two first logins at once: the other one was faster.
  const user = await known(db, identity)
  if (user === undefined) throw new Error('a user is neither there nor made')
  return { user, isNew: false }
}
