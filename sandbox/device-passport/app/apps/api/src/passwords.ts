// Passwords: what one must be, and how one is kept.
import { compare, hash } from 'bcryptjs'
import { Refusal } from '../../../../../shared/kit/http.ts'

/** bcrypt looks at no more; a longer one would be cut without a word. */
const MOST_BYTES = 72

export function refuseWeak(password: string): void {
  if (password.length < 8) throw new Refusal(400, 'a password has at least 8 characters')
  if (Buffer.byteLength(password) > MOST_BYTES)
    throw new Refusal(400, `a password has at most ${MOST_BYTES} bytes`)
}

export const keep = (password: string, rounds: number): Promise<string> => hash(password, rounds)

export const same = (password: string, kept: string): Promise<boolean> => compare(password, kept)
