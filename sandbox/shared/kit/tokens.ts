// Signed tokens (JWT, HS256), each for one purpose, and comparing secrets. Of jose
// only what is used is loaded: every process of a release waits for that.
import { createHash, timingSafeEqual } from 'node:crypto'
import { JWTExpired } from 'jose/errors'
import { SignJWT } from 'jose/jwt/sign'
import { jwtVerify } from 'jose/jwt/verify'
import { Refusal } from './http.ts'

export interface Signer {
  /** The same claims always give the same text. */
  sign(
    purpose: string,
    subject: string,
    claims: Record<string, unknown>,
    from: Date,
    until: Date,
  ): Promise<string>
  /** The claims. Refuses with 410 what has expired, with 401 what is not ours or for another purpose. */
  read(purpose: string, token: string): Promise<Record<string, unknown>>
}

export function makeSigner(issuer: string, secret: string, now: () => Date): Signer {
  const key = new TextEncoder().encode(secret)
  return {
    sign: (purpose, subject, claims, from, until) =>
      new SignJWT(claims)
        .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
        .setIssuer(issuer)
        .setAudience(purpose)
        .setSubject(subject)
        .setIssuedAt(Math.floor(from.getTime() / 1000))
        .setExpirationTime(Math.floor(until.getTime() / 1000))
        .sign(key),
    async read(purpose, token) {
      try {
        const { payload } = await jwtVerify(token, key, {
          issuer,
          audience: purpose,
          algorithms: ['HS256'],
          currentDate: now(),
        })
        return payload
      } catch (error) {
        if (error instanceof JWTExpired) throw new Refusal(410, 'expired')
        throw new Refusal(401, 'not a valid token')
      }
    },
  }
}

/**
 * Compared as digests: equal length whatever was sent, so that neither time nor an exception tells how long
 * the real one is.
 */
export function sameSecret(a: string, b: string): boolean {
  const digest = (s: string): Buffer => createHash('sha256').update(s).digest()
  return timingSafeEqual(digest(a), digest(b))
}

/** The credential of an `Authorization: Bearer …` header. */
export function bearer(header: string | undefined): string | undefined {
  const [scheme, credential] = (header ?? '').split(' ')
  return scheme?.toLowerCase() === 'bearer' ? credential : undefined
}

/**
 * A browser sends cookies by itself, so with one a change must come from a page of ours: its origin is the
 * host that was asked, or one of those allowed. Refuses with 403.
 */
export function refuseForeign(
  headers: Readonly<Record<string, string | undefined>>,
  allowed: readonly string[],
): void {
  const origin = headers['origin']
  const own =
    origin !== undefined && URL.canParse(origin) && new URL(origin).host === headers['host']
  if (!own && !allowed.includes(origin ?? '')) throw new Refusal(403, 'a request from another site')
}
