// The address of the database for who looks after it: DATABASE_URL, or put together as the backend does.
import type { Environment } from '../../../shared/kit/env.ts'
import { databaseOf } from '../src/config.ts'

export const databaseUrl = (env: Environment): string => {
  const given = env['DATABASE_URL'] ?? ''
  return given === '' ? databaseOf(env) : given
}
