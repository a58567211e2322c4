// Who is calling: a user with a session, or the administrator with the token.
import type { App } from '../app.ts'
import { type Call, Refusal } from '../../../../shared/kit/http.ts'
import { bearer, sameSecret } from '../../../../shared/kit/tokens.ts'

function credential(call: Call): string {
  const given = bearer(call.headers['authorization'])
  if (given === undefined) throw new Refusal(401, 'a credential is needed')
  return given
}

/** The id of the user whose session this is. */
export const caller = (app: App, call: Call): Promise<string> =>
  app.tokens.read('session', credential(call))

export function administrator(app: App, call: Call): void {
  if (!sameSecret(credential(call), app.config.adminToken))
    throw new Refusal(401, 'not the administrator')
}

/** True for requests of those who try a release while everybody else has to wait. */
export function hasPass(app: App, call: Call): boolean {
  const pass = call.headers['x-maintenance-pass']
  return pass !== undefined && sameSecret(pass, app.config.adminToken)
}
