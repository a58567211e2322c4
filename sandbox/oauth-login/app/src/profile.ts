// What is told about a user: in an answer, and in a token.

/** The columns of `users` that this release reads. */
export const COLUMNS = 'id, email, role, provider, "localId"'

export interface User {
  id: string
  email: string
  role: string
  /** Where they logged in first. */
  provider: string
  localId: string | null
}

export const shown = ({ id, email, role, localId, provider }: User): Record<string, unknown> => ({
  id,
  email,
  role,
  localId,
  provider,
})

/** Besides `sub`. */
export const claims = ({ email, role, localId, provider }: User): Record<string, unknown> => ({
  email,
  role,
  localId,
  provider,
})
