// Users without their two confidential values, which every release keeps its own way.
import type { App } from '../app.ts'

export interface User {
  id: string
  email: string
  password_hash: string
}

export interface Confidential {
  twoFactorSecret: string | undefined
  phone: string | undefined
}

/** How a release keeps what is confidential. Undefined takes a value away. */
export interface Keeping {
  read(app: App, user: string): Promise<Confidential>
  write(app: App, user: string, change: Partial<Confidential>): Promise<void>
}

const COLUMNS = 'id, email, password_hash'

export async function byEmail(app: App, email: string): Promise<User | undefined> {
  return (await app.db.query<User>(`SELECT ${COLUMNS} FROM users WHERE email = $1`, [email]))[0]
}

export async function byId(app: App, id: string): Promise<User | undefined> {
  return (await app.db.query<User>(`SELECT ${COLUMNS} FROM users WHERE id = $1`, [id]))[0]
}

/** False when the id or the address is somebody else's. The same request again changes nothing. */
export async function createUser(app: App, user: User): Promise<boolean> {
  await app.db.query(`INSERT INTO users (${COLUMNS}) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, [
    user.id,
    user.email,
    user.password_hash,
  ])
  return (await byId(app, user.id))?.email === user.email
}

export async function setPassword(app: App, id: string, hash: string): Promise<void> {
  await app.db.query('UPDATE users SET password_hash = $2 WHERE id = $1', [id, hash])
}

export async function removeUser(app: App, id: string): Promise<boolean> {
  return (await app.db.query('DELETE FROM users WHERE id = $1 RETURNING id', [id])).length === 1
}
