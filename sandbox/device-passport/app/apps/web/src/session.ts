// Who is logged in, and until when: a page leaves before its token is refused.
import { decodeJwt } from 'jose'

/** Milliseconds until the token is over; 0 when it is, or cannot be read. */
export function leftOf(token: string, now: number): number {
  try {
    const { exp = 0 } = decodeJwt(token)
    return Math.max(0, exp * 1000 - now)
  } catch {
    return 0
  }
}
