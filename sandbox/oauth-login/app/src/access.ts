// Who asks: the user whose token comes with a request, as the database knows them now.
import { type Call, Refusal } from '../../../shared/kit/http.ts'
import { bearer } from '../../../shared/kit/tokens.ts'
import type { App } from './app.ts'
import type { User } from './profile.ts'
import { userById } from './users.ts'

/** Refuses with 401. */
export async function caller({ db, signer }: App, { headers }: Call): Promise<User> {
  const token = bearer(headers['authorization'])
  if (token === undefined) throw new Refusal(401, 'a token is needed')
  const claims = await signer.read('access', token).catch((error: unknown) => {
    throw error instanceof Refusal ? new Refusal(401, 'not a valid token') : error
  })
  const user = await userById(db, String(claims['sub']))
  if (user === undefined) throw new Refusal(401, 'not a valid token')
  return user
}

/** Refuses with 401, and with 403 who is no administrator. A role that was taken away counts at once. */
export async function administrator(app: App, call: Call): Promise<User> {
  const user = await caller(app, call)
  if (user.role !== 'admin') throw new Refusal(403, 'this is for administrators')
  return user
}
