// Who is there: the same forty people every time, for the database and for the providers.
import { createHash } from 'node:crypto'

export type ProviderName = 'google' | 'github'

export interface Person {
  email: string
  role: string
  /** Where they logged in first. */
  provider: ProviderName
}

const ROLES = ['admin', 'doctor', 'nurse', 'nurse', 'pharmacist', 'analyst', 'user', 'user']

export const people: readonly Person[] = Array.from({ length: 40 }, (_, i) => ({
  email: `person${i + 1}@clinic.example`,
  role: ROLES[i % ROLES.length] ?? 'user',
  provider: i % 2 === 0 ? 'google' : 'github',
}))

/** A provider's own number for whoever has this address; it never changes. */
export function subjectOf(provider: ProviderName, email: string): string {
  const digest = createHash('sha256').update(`${provider} ${email}`).digest()
  return provider === 'github' ? String(digest.readUInt32BE()) : `1${digest.readBigUInt64BE()}`
}
