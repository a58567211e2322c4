// Logins and sessions. A refresh token works once: used again it ends the session
// that it belonged to, since then somebody has a copy of it.
import { randomBytes, randomUUID } from 'node:crypto'
import { type Call, Refusal, type Reply } from '../../../../../shared/kit/http.ts'
import { email, fields, text } from '../../../../../shared/kit/input.ts'
import { makeLimiter } from '../../../../../shared/kit/limits.ts'
import { bearer } from '../../../../../shared/kit/tokens.ts'
import { type App, type Feature, audit } from './app.ts'
import { LOGINS_PER_MINUTE, forApi, tooMany } from './limits.ts'
import { keep, same } from './passwords.ts'

export interface User {
  id: string
  email: string
  name: string
  role: 'admin' | 'engineer' | 'viewer'
}

interface Row extends User {
  password_hash: string
  active: boolean
}

export const shown = ({ id, email, name, role }: User): User => ({ id, email, name, role })

/** Who asks. Refuses with 401 who has no valid token, with 403 who is none of these. */
export async function caller(
  app: App,
  { headers }: Call,
  roles?: readonly string[],
): Promise<User> {
  const token = bearer(headers['authorization'])
  if (token === undefined) throw new Refusal(401, 'a credential is needed')
  const claims = await app.access.read('access', token)
  const [user] = await app.db.query<Row>('SELECT * FROM users WHERE id = $1 AND active', [
    claims['sub'],
  ])
  if (user === undefined) throw new Refusal(401, 'not a valid token')
  if (roles !== undefined && !roles.includes(user.role)) throw new Refusal(403, 'not allowed')
  return user
}

export const auth: Feature = {
  routes(app) {
    const { config, db, store, metrics, now } = app
    const perAccount = makeLimiter(LOGINS_PER_MINUTE, 60_000)
    // A login of nobody takes as long as one of somebody.
    const nobody = keep(randomBytes(12).toString('hex'), config.bcryptRounds)

    async function tokens(user: string, family: string): Promise<Record<string, unknown>> {
      const from = now()
      const after = (s: number): Date => new Date(from.getTime() + s * 1000)
      const id = randomUUID()
      await store.set(`session:${family}`, user, config.refreshSeconds)
      await store.set(`refresh:${id}`, family, config.refreshSeconds)
      const until = { access: after(config.accessSeconds), refresh: after(config.refreshSeconds) }
      return {
        accessToken: await app.access.sign('access', user, {}, from, until.access),
        refreshToken: await app.refresh.sign('refresh', user, { id, family }, from, until.refresh),
        expiresIn: config.accessSeconds,
      }
    }

    async function login({ body }: Call): Promise<Reply> {
      const given = fields(body, ['email', 'password'])
      const address = email(given, 'email')
      const password = text(given, 'password')
      if (!perAccount.take(address)) {
        metrics.throttled()
        return tooMany(60)
      }
      const [user] = await db.query<Row>('SELECT * FROM users WHERE lower(email) = $1', [address])
      const right = await same(password, user?.password_hash ?? (await nobody))
      if (user === undefined || !right || !user.active) {
        if (user !== undefined) await audit(app, user.id, 'login refused')
        throw new Refusal(401, 'wrong address or password')
      }
      await audit(app, user.id, 'login')
      app.log('info', 'login', { user: user.id })
      return { status: 200, json: { user: shown(user), ...(await tokens(user.id, randomUUID())) } }
    }

    async function refreshed({ body }: Call): Promise<Reply> {
      const token = text(fields(body, ['refreshToken']), 'refreshToken', 4096)
      const claims = await app.refresh.read('refresh', token)
      const family = String(claims['family'])
      const [first, user] = [
        await store.take(`refresh:${String(claims['id'])}`),
        await store.get(`session:${family}`),
      ]
      if (first === undefined || user === undefined) {
        await store.remove(`session:${family}`)
        if (user !== undefined) await audit(app, user, 'refresh token used twice')
        throw new Refusal(401, 'not a valid token')
      }
      return { status: 200, json: await tokens(user, family) }
    }

    async function logout(call: Call): Promise<Reply> {
      const user = await caller(app, call)
      const token = text(fields(call.body, ['refreshToken']), 'refreshToken', 4096)
      const claims = await app.refresh.read('refresh', token)
      await store.remove(`session:${String(claims['family'])}`)
      await audit(app, user.id, 'logout')
      return { status: 204 }
    }

    return [
      { method: 'POST', path: '/api/v1/auth/login', handle: login },
      ...forApi(app, [
        { method: 'POST', path: '/api/v1/auth/refresh', handle: refreshed },
        { method: 'POST', path: '/api/v1/auth/logout', handle: logout },
        {
          method: 'GET',
          path: '/api/v1/auth/me',
          handle: async (call) => ({ status: 200, json: shown(await caller(app, call)) }),
        },
      ]),
    ]
  },
}
