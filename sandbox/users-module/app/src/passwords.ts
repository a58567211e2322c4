// Passwords: what one must be, and how one is kept.
import { compare, getRounds, hash } from 'bcryptjs'
import { Refusal } from '../../../shared/kit/http.ts'

const KINDS = [/[a-z]/, /[A-Z]/, /\d/, /[^A-Za-z0-9]/] as const
/** bcrypt looks at no more; a longer one would be cut without a word. */
const MOST_BYTES = 72

/** Refuses with 400 what is too short or of too few kinds of characters. */
export function refuseWeak(password: string): void {
  if (password.length < 8) throw new Refusal(400, 'a password has at least 8 characters')
  if (Buffer.byteLength(password) > MOST_BYTES)
    throw new Refusal(400, `a password has at most ${MOST_BYTES} bytes`)
  if (!KINDS.every((kind) => kind.test(password)))
    throw new Refusal(400, 'a password has small and capital letters, digits and other characters')
}

export const keep = (password: string, rounds: number): Promise<string> => hash(password, rounds)

export const same = (password: string, kept: string): Promise<boolean> => compare(password, kept)

/** Whether it was kept with fewer rounds than now; then it is kept anew at the next login. */
export const isWeaker = (kept: string, rounds: number): boolean => getRounds(kept) < rounds
