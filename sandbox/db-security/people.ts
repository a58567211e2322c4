// The users of the sandbox: who they are follows from their number, so that the
// seed and the traffic agree without sharing anything.
import { createHash } from 'node:crypto'
import { base32 } from './app/src/accounts/totp.ts'

export interface Person {
  id: string
  email: string
  password: string
  /** Half of them has a second factor. */
  secret: string | null
  /** A third of them has a phone. */
  phone: string | null
}

const PEOPLE = 300

const digest = (of: string): Buffer => createHash('sha256').update(`lockr sandbox ${of}`).digest()

export const people: readonly Person[] = Array.from({ length: PEOPLE }, (_, i) => {
  const id = `user-${String(i + 1).padStart(4, '0')}`
  return {
    id,
    email: `${id}@lockr.example`,
    password: digest(`password ${id}`).toString('base64url').slice(0, 20),
    secret: i % 2 === 0 ? base32(digest(`secret ${id}`).subarray(0, 20)) : null,
    phone: i % 3 === 0 ? `+39000${String(1_000_000 + i)}` : null,
  }
})
