// QR tokens: made for one user of one hotel, traded once for a session, revocable.
import { createHash, randomUUID } from 'node:crypto'
import type { App } from '../app.ts'
import { Refusal } from '../../../../shared/kit/http.ts'
import type { Caller } from '../identity.ts'

export interface TokenRow {
  id: string
  hotelId: string
  userId: string
  role: string
  expiresAt: Date
  isUsed: boolean
  usedAt: Date | null
  createdBy: string
  createdAt: Date
  revokedBy: string | null
  revokedAt: Date | null
}

export interface Stats {
  total: number
  active: number
  used: number
  revoked: number
  expired: number
}

// The token itself is a credential: the table holds its hash, and no list shows it.
const COLUMNS = `id, "hotelId", "userId", role, "expiresAt", "isUsed", "usedAt", "createdBy", "createdAt", "revokedBy", "revokedAt"`

export const tokenHash = (token: string): string => createHash('sha256').update(token).digest('hex')

const signed = (
  app: App,
  row: Pick<TokenRow, 'id' | 'hotelId' | 'userId' | 'role' | 'createdAt' | 'expiresAt'>,
): Promise<string> =>
  app.identity.sign(
    'qr-login',
    row.userId,
    { jti: row.id, hotelId: row.hotelId, role: row.role },
    row.createdAt,
    row.expiresAt,
  )

export interface Order {
  id: string | undefined
  hotelId: string
  userId: string
  role: string
}

/** Makes a token. With an id of the client's own, the same order again gives the same token back. */
export async function generate(
  app: App,
  caller: Caller,
  order: Order,
): Promise<TokenRow & { token: string }> {
  const people = await app.db.query('SELECT 1 FROM "User" WHERE id = $1 AND "hotelId" = $2', [
    order.userId,
    order.hotelId,
  ])
  if (people.length === 0) throw new Refusal(404, 'no such user in this hotel')
  const createdAt = app.now()
  const fresh = {
    ...order,
    id: order.id ?? randomUUID(),
    createdAt,
    expiresAt: new Date(createdAt.getTime() + app.config.tokenMinutes * 60_000),
  }
  const inserted = await app.db.query(
    `INSERT INTO "GuestStaffQRToken" (id, "tokenHash", "hotelId", "userId", role, "expiresAt", "createdBy", "createdAt")
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO NOTHING RETURNING id`,
    [
      fresh.id,
      tokenHash(await signed(app, fresh)),
      fresh.hotelId,
      fresh.userId,
      fresh.role,
      fresh.expiresAt,
      caller.id,
      createdAt,
    ],
  )
  if (inserted.length === 1) app.metrics.generated()
  const row = await byId(app, fresh.id)
  if (row.hotelId !== order.hotelId || row.userId !== order.userId || row.role !== order.role) {
    throw new Refusal(409, 'another token has this id')
  }
  return { ...row, token: await signed(app, row) }
}

export async function byId(app: App, id: string): Promise<TokenRow> {
  const [row] = await app.db.query<TokenRow>(
    `SELECT ${COLUMNS} FROM "GuestStaffQRToken" WHERE id = $1`,
    [id],
  )
  if (row === undefined) throw new Refusal(404, 'no such token')
  return row
}

/**
 * Trades a token for a session. One statement both looks and marks, so two
 * scans at once cannot both win. A client that lost the answer may repeat with
 * the same request id.
 */
export async function validate(
  app: App,
  token: string,
  hotelId: string,
  requestId: string | undefined,
): Promise<{ session: string; row: TokenRow; permissions: string[] }> {
  const claims = await app.identity.read('qr-login', token)
  if (claims['hotelId'] !== hotelId) throw new Refusal(403, 'a token of another hotel')
  const [row] = await app.db.query<TokenRow>(
    `UPDATE "GuestStaffQRToken"
        SET "isUsed" = true, "usedAt" = coalesce("usedAt", $2), "usedRequest" = $3
      WHERE "tokenHash" = $1 AND "revokedAt" IS NULL AND "expiresAt" > $2
        AND (NOT "isUsed" OR "usedRequest" = $3)
      RETURNING ${COLUMNS}`,
    [tokenHash(token), app.now(), requestId ?? null],
  )
  if (row === undefined) throw new Refusal(410, 'used, revoked or expired')
  const permissions = await app.identity.permissionsOf(row.role)
  const session = await app.identity.openSession({
    userId: row.userId,
    hotelId: row.hotelId,
    role: row.role,
    permissions,
  })
  return { session, row, permissions }
}

export async function revoke(app: App, caller: Caller, id: string): Promise<TokenRow> {
  await app.db.query(
    // The first revocation stands: who and when are an audit trail.
    `UPDATE "GuestStaffQRToken" SET "revokedBy" = $2, "revokedAt" = $3 WHERE id = $1 AND "revokedAt" IS NULL`,
    [id, caller.id, app.now()],
  )
  return byId(app, id)
}

/**
 * Removes the row for good. Revoking keeps it as an audit trail; a deployment's
 * own trial tokens are none of that trail, and its rollback has to leave the
 * table as it was.
 */
export async function purge(app: App, id: string): Promise<void> {
  const gone = await app.db.query('DELETE FROM "GuestStaffQRToken" WHERE id = $1 RETURNING id', [
    id,
  ])
  if (gone.length === 0) throw new Refusal(404, 'no such token')
}

export async function list(
  app: App,
  hotelId: string,
  page: number,
  pageSize: number,
): Promise<{ tokens: TokenRow[]; total: number }> {
  const rows = await app.db.query<TokenRow & { total: number }>(
    `SELECT ${COLUMNS}, count(*) OVER () AS total FROM "GuestStaffQRToken"
      WHERE "hotelId" = $1 ORDER BY "createdAt" DESC, id LIMIT $2 OFFSET $3`,
    [hotelId, pageSize, (page - 1) * pageSize],
  )
  if (rows.length === 0 && page > 1) return { tokens: [], total: (await stats(app, hotelId)).total }
  return { tokens: rows.map(({ total: _, ...row }) => row), total: rows[0]?.total ?? 0 }
}

export async function stats(app: App, hotelId: string): Promise<Stats> {
  const [row] = await app.db.query<Stats>(
    `SELECT count(*) AS total,
            count(*) FILTER (WHERE NOT "isUsed" AND "revokedAt" IS NULL AND "expiresAt" > $2) AS active,
            count(*) FILTER (WHERE "isUsed") AS used,
            count(*) FILTER (WHERE "revokedAt" IS NOT NULL) AS revoked,
            count(*) FILTER (WHERE NOT "isUsed" AND "revokedAt" IS NULL AND "expiresAt" <= $2) AS expired
       FROM "GuestStaffQRToken" WHERE "hotelId" = $1`,
    [hotelId, app.now()],
  )
  return row ?? { total: 0, active: 0, used: 0, revoked: 0, expired: 0 }
}

export async function activeTokens(app: App): Promise<number> {
  const [row] = await app.db.query<{ n: number }>(
    `SELECT count(*) AS n FROM "GuestStaffQRToken" WHERE NOT "isUsed" AND "revokedAt" IS NULL AND "expiresAt" > $1`,
    [app.now()],
  )
  return row?.n ?? 0
}
