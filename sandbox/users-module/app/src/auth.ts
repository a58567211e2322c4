// Registration, login, and sessions that are refreshed: a refresh token works once,
// and using it again ends every session of that user.
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { type Call, Refusal, type Reply, type Route } from '../../../shared/kit/http.ts'
import { email, fields, text } from '../../../shared/kit/input.ts'
import { makeLimiter } from '../../../shared/kit/limits.ts'
import { bearer } from '../../../shared/kit/tokens.ts'
import type { App } from './app.ts'
import { isWeaker, keep, refuseWeak, same } from './passwords.ts'

interface UserRow {
  id: string
  email: string
  firstName: string
  lastName: string
  passwordHash: string
  lockedUntil: Date | null
}

const digest = (token: string): string => createHash('sha256').update(token).digest('hex')
/** After so many wrong passwords in a row an account rests for a while. */
const MOST_FAILED = 10
const REST = `interval '15 minutes'`

export function authRoutes(app: App): Route[] {
  const { config, db, metrics, now, signer } = app
  const perAccount = makeLimiter(config.loginsPerMinute, 60_000)
  // A login of nobody takes as long as one of somebody.
  const nobody = keep(randomBytes(12).toString('hex'), config.bcryptRounds)

  const audit = (event: string, userId: string | null): Promise<object[]> =>
    db.query('INSERT INTO audit_log (event, "userId") VALUES ($1, $2)', [event, userId])

  const shown = (user: UserRow): Record<string, string> => ({
    id: user.id,
    email: user.email,
    firstName: user.firstName,
    lastName: user.lastName,
  })

  async function session(user: UserRow): Promise<Record<string, unknown>> {
    const from = now()
    const refresh = randomBytes(32).toString('base64url')
    await db.query(
      `INSERT INTO refresh_tokens (id, "userId", "tokenHash", "expiresAt") VALUES ($1, $2, $3, $4)`,
      [
        randomUUID(),
        user.id,
        digest(refresh),
        new Date(from.getTime() + config.refreshSeconds * 1000),
      ],
    )
    const until = new Date(from.getTime() + config.accessSeconds * 1000)
    const accessToken = await signer.sign('access', user.id, { email: user.email }, from, until)
    return { accessToken, refreshToken: refresh, expiresIn: config.accessSeconds }
  }

  async function register({ body }: Call): Promise<Reply> {
    const given = fields(body, ['email', 'password', 'firstName', 'lastName'])
    const address = email(given, 'email')
    const password = text(given, 'password')
    refuseWeak(password)
    const rows = await db.query<UserRow>(
      `INSERT INTO users (id, email, "passwordHash", "firstName", "lastName") VALUES ($1, $2, $3, $4, $5)
       ON CONFLICT DO NOTHING RETURNING *`,
      [
        randomUUID(),
        address,
        await keep(password, config.bcryptRounds),
        text(given, 'firstName', 100),
        text(given, 'lastName', 100),
      ],
    )
    const [user] = rows
    if (user === undefined) throw new Refusal(409, 'this address is registered already')
    await audit('registered', user.id)
    return { status: 201, json: { user: shown(user), ...(await session(user)) } }
  }

  async function login({ body }: Call): Promise<Reply> {
    const given = fields(body, ['email', 'password'])
    const address = email(given, 'email')
    const password = text(given, 'password')
    if (!perAccount.take(address)) {
      metrics.throttled()
      return {
        status: 429,
        json: { error: 'too many logins; wait a minute' },
        headers: { 'retry-after': '60' },
      }
    }
    const [user] = await db.query<UserRow>('SELECT * FROM users WHERE lower(email) = $1', [address])
    const right = await same(password, user?.passwordHash ?? (await nobody))
    const resting = user !== undefined && user.lockedUntil !== null && user.lockedUntil > now()
    if (user === undefined || !right || resting) {
      metrics.login(false)
      if (user !== undefined && !right)
        await db.query(
          `UPDATE users SET "failedLogins" = "failedLogins" + 1,
             "lockedUntil" = CASE WHEN "failedLogins" + 1 >= ${MOST_FAILED} THEN now() + ${REST} ELSE "lockedUntil" END
           WHERE id = $1`,
          [user.id],
        )
      await audit('login refused', user?.id ?? null)
      throw new Refusal(401, 'wrong address or password')
    }
    metrics.login(true)
    const stronger = isWeaker(user.passwordHash, config.bcryptRounds)
      ? await keep(password, config.bcryptRounds)
      : user.passwordHash
    await db.query(
      `UPDATE users SET "failedLogins" = 0, "lockedUntil" = NULL, "lastLoginAt" = $2, "passwordHash" = $3 WHERE id = $1`,
      [user.id, now(), stronger],
    )
    await audit('login', user.id)
    return { status: 200, json: { user: shown(user), ...(await session(user)) } }
  }

  async function refresh({ body }: Call): Promise<Reply> {
    const given = fields(body, ['refreshToken'])
    const hash = digest(text(given, 'refreshToken'))
    const [known] = await db.query<{ userId: string; expiresAt: Date; usedAt: Date | null }>(
      'SELECT * FROM refresh_tokens WHERE "tokenHash" = $1',
      [hash],
    )
    if (known === undefined || known.expiresAt < now()) throw new Refusal(401, 'not a valid token')
    const [mine] = await db.query(
      'UPDATE refresh_tokens SET "usedAt" = $2 WHERE "tokenHash" = $1 AND "usedAt" IS NULL RETURNING id',
      [hash, now()],
    )
    if (mine === undefined) {
      await db.query('DELETE FROM refresh_tokens WHERE "userId" = $1', [known.userId])
      await audit('refresh token used twice', known.userId)
      throw new Refusal(401, 'not a valid token')
    }
    const [user] = await db.query<UserRow>('SELECT * FROM users WHERE id = $1', [known.userId])
    if (user === undefined) throw new Refusal(401, 'not a valid token')
    return { status: 200, json: await session(user) }
  }

  async function me({ headers }: Call): Promise<Reply> {
    const token = bearer(headers['authorization'])
    if (token === undefined) throw new Refusal(401, 'a credential is needed')
    const claims = await signer.read('access', token)
    const [user] = await db.query<UserRow>('SELECT * FROM users WHERE id = $1', [claims['sub']])
    if (user === undefined) throw new Refusal(401, 'not a valid token')
    return { status: 200, json: shown(user) }
  }

  return [
    { method: 'POST', path: '/api/auth/register', handle: register },
    { method: 'POST', path: '/api/auth/login', handle: login },
    { method: 'POST', path: '/api/auth/refresh', handle: refresh },
    { method: 'GET', path: '/api/users/me', handle: me },
  ]
}
