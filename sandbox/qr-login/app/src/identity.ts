// Who is calling, and what they may do. Two kinds of credential: the
// administrator's token, and a session that a scanned QR code was traded for.
import { createHash, timingSafeEqual } from 'node:crypto'
import { SignJWT, errors, jwtVerify } from 'jose'
import type { Config } from './config.ts'
import type { Database } from './database.ts'
import { type Call, Refusal, cookie } from './http.ts'

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

export interface Identity {
  caller(call: Call): Promise<Caller>
  need(caller: Caller, permission: string): Promise<void>
  permissionsOf(role: string): Promise<string[]>
  openSession(session: Session): Promise<string>
  /** Signs claims for one purpose; the same claims always give the same text. */
  sign(
    purpose: string,
    subject: string,
    claims: Record<string, unknown>,
    from: Date,
    until: Date,
  ): Promise<string>
  read(purpose: string, token: string): Promise<Record<string, unknown>>
}

const ISSUER = 'hotel-assistant'
const ADMINISTRATOR: Caller = { id: 'user-admin', role: 'admin', hotelId: undefined }

// Compared as digests: equal length whatever was sent, so that neither time nor
// an exception tells how long the real one is.
function sameSecret(a: string, b: string): boolean {
  const digest = (s: string): Buffer => createHash('sha256').update(s).digest()
  return timingSafeEqual(digest(a), digest(b))
}

export function makeIdentity(config: Config, db: Database, now: () => Date): Identity {
  const key = new TextEncoder().encode(config.signingSecret)

  async function sign(
    purpose: string,
    subject: string,
    claims: Record<string, unknown>,
    from: Date,
    until: Date,
  ): Promise<string> {
    return new SignJWT(claims)
      .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
      .setIssuer(ISSUER)
      .setAudience(purpose)
      .setSubject(subject)
      .setIssuedAt(Math.floor(from.getTime() / 1000))
      .setExpirationTime(Math.floor(until.getTime() / 1000))
      .sign(key)
  }

  async function read(purpose: string, token: string): Promise<Record<string, unknown>> {
    try {
      const { payload } = await jwtVerify(token, key, {
        issuer: ISSUER,
        audience: purpose,
        algorithms: ['HS256'],
        currentDate: now(),
      })
      return payload
    } catch (error) {
      if (error instanceof errors.JWTExpired) throw new Refusal(410, 'expired')
      throw new Refusal(401, 'not a valid token')
    }
  }

  async function session(token: string): Promise<Caller> {
    const claims = await read('session', token).catch((error: unknown) => {
      throw error instanceof Refusal ? new Refusal(401, error.message) : error
    })
    return {
      id: String(claims['sub']),
      role: String(claims['role']),
      hotelId: String(claims['hotelId']),
    }
  }

  return {
    sign,
    read,
    async caller(call) {
      const [scheme, credential] = (call.headers['authorization'] ?? '').split(' ')
      if (scheme?.toLowerCase() === 'bearer' && credential !== undefined) {
        return sameSecret(credential, config.adminToken) ? ADMINISTRATOR : session(credential)
      }
      const fromCookie = cookie(call.headers['cookie'], 'session')
      if (fromCookie === undefined) throw new Refusal(401, 'a credential is needed')
      // A browser sends cookies by itself, so a change must come from our own page.
      if (call.method !== 'GET') {
        const origin = call.headers['origin']
        const own =
          origin !== undefined &&
          URL.canParse(origin) &&
          new URL(origin).host === call.headers['host']
        if (!own && !config.allowedOrigins.includes(origin ?? ''))
          throw new Refusal(403, 'a request from another site')
      }
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
      return sign(
        'session',
        s.userId,
        { hotelId: s.hotelId, role: s.role, permissions: s.permissions },
        from,
        until,
      )
    },
  }
}
