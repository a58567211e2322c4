// What the release before was told about a user: it knows no localId, and its tokens name no provider.

export const COLUMNS = 'id, email, role, provider'

export interface User {
  id: string
  email: string
  role: string
  provider: string
}

export const shown = ({ id, email, role, provider }: User): Record<string, unknown> => ({
  id,
  email,
  role,
  provider,
})

export const claims = ({ email, role }: User): Record<string, unknown> => ({ email, role })
