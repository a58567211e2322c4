// Who is calling, and what they may do. Two kinds of credential: the
// administrator's token, and a session that a scanned QR code was traded for.
import type { Database } from '../../../shared/kit/database.ts'
import { type Call, Refusal, cookie } from '../../../shared/kit/http.ts'
import {
  type Signer,
  bearer,
  makeSigner,
  refuseForeign,
  sameSecret,
} from '../../../shared/kit/tokens.ts'
import type { Config } from './config.ts'

export interface Caller {
  id: string
  role: string
  hotelId: string | undefined
}

export interface Session {
  userId: string
  hotelId: string
  role: string
  permissions: readonly string[]
}

export interface Identity extends Signer {
  caller(call: Call): Promise<Caller>
  need(caller: Caller, permission: string): Promise<void>
  permissionsOf(role: string): Promise<string[]>
  openSession(session: Session): Promise<string>
}

const ADMINISTRATOR: Caller = { id: 'user-admin', role: 'admin', hotelId: undefined }

export function makeIdentity(config: Config, db: Database, now: () => Date): Identity {
  const signer = makeSigner('hotel-assistant', config.signingSecret, now)

  async function session(token: string): Promise<Caller> {
    const claims = await signer.read('session', token).catch((error: unknown) => {
      throw error instanceof Refusal ? new Refusal(401, error.message) : error
    })
    return {
      id: String(claims['sub']),
      role: String(claims['role']),
      hotelId: String(claims['hotelId']),
    }
  }

  return {
    ...signer,
    async caller(call) {
      const credential = bearer(call.headers['authorization'])
      if (credential !== undefined)
        return sameSecret(credential, config.adminToken) ? ADMINISTRATOR : session(credential)
      const fromCookie = cookie(call.headers['cookie'], 'session')
      if (fromCookie === undefined) throw new Refusal(401, 'a credential is needed')
      if (call.method !== 'GET') refuseForeign(call.headers, config.allowedOrigins)
      return session(fromCookie)
    },
    async need(caller, permission) {
      const rows = await db.query(
        `SELECT 1 FROM "RolePermission" rp
           JOIN "Role" r ON r.id = rp."roleId"
           JOIN "Permission" p ON p.id = rp."permissionId"
          WHERE r.key = $1 AND p.key = $2`,
        [caller.role, permission],
      )
      if (rows.length === 0) throw new Refusal(403, `${permission} is needed`)
    },
    async permissionsOf(role) {
      const rows = await db.query<{ key: string }>(
        `SELECT p.key FROM "RolePermission" rp
           JOIN "Role" r ON r.id = rp."roleId"
           JOIN "Permission" p ON p.id = rp."permissionId"
          WHERE r.key = $1 ORDER BY p.key`,
        [role],
      )
      return rows.map((row) => row.key)
    },
    async openSession(s) {
      const from = now()
      const until = new Date(from.getTime() + config.sessionHours * 3_600_000)
      return signer.sign(
        'session',
        s.userId,
        { hotelId: s.hotelId, role: s.role, permissions: s.permissions },
        from,
        until,
      )
    },
  }
}
