// Logging in: to the provider, and back with a code that becomes a token of ours. What has
// to come back with the browser is in a signed cookie, so any instance may answer.
import { type Call, Refusal, type Reply, type Route, cookie } from '../../../shared/kit/http.ts'
import type { App } from './app.ts'
import { claims, shown } from './profile.ts'
import { type Kept, PROVIDERS, type ProviderName, reasonOf } from './providers.ts'
import { userOf } from './users.ts'

const COOKIE = 'oauth_session'
const ATTRIBUTES = 'Path=/auth; HttpOnly; SameSite=Lax'
const SECONDS = 600

export function loginRoutes(app: App): Route[] {
  const { config, db, logger, metrics, now, providers, signer } = app
  const log = logger('app.auth')

  function named({ params }: Call): ProviderName {
    const name = PROVIDERS.find((one) => one === params['provider'])
    if (name === undefined) throw new Refusal(404, 'no such provider')
    return name
  }

  async function start(call: Call): Promise<Reply> {
    const name = named(call)
    const { url, kept } = await providers.start(name, call.query.get('login_hint') ?? undefined)
    const from = now()
    const until = new Date(from.getTime() + SECONDS * 1000)
    const session = await signer.sign(`login-${name}`, 'browser', { ...kept }, from, until)
    const secure = config.publicUrl.startsWith('https:') ? '; Secure' : ''
    return {
      status: 302,
      headers: {
        location: url,
        'set-cookie': `${COOKIE}=${session}; Max-Age=${SECONDS}; ${ATTRIBUTES}${secure}`,
        'cache-control': 'no-store',
      },
    }
  }

  async function finish(call: Call): Promise<Reply> {
    const name = named(call)
    const session = cookie(call.headers['cookie'], COOKIE)
    let failed = 'there is no login to go on with'
    try {
      const kept = session === undefined ? undefined : await signer.read(`login-${name}`, session)
      if (kept !== undefined) {
        const identity = await providers.finish(name, call.query, kept as unknown as Kept)
        return await welcome(identity)
      }
    } catch (error) {
      failed = reasonOf(error)
    }
    metrics.login(name, false)
    log('warn', `OAuth callback ${name} failed`, { reason: failed })
    return { status: 400, json: { error: `OAuth login failed: ${failed}` } }
  }

  async function welcome(identity: Parameters<typeof userOf>[1]): Promise<Reply> {
    const { user, isNew } = await userOf(db, identity)
    const from = now()
    const until = new Date(from.getTime() + config.accessMinutes * 60_000)
    // A token tells where its owner logged in this time.
    const by = { ...user, provider: identity.provider }
    const token = await signer.sign('access', user.id, claims(by), from, until)
    metrics.login(identity.provider, true)
    log('info', `OAuth callback ${identity.provider} success`, { user: user.id, new: isNew })
    return {
      status: 200,
      json: { access_token: token, token_type: 'bearer', user: shown(by) },
      headers: {
        'set-cookie': `${COOKIE}=; Max-Age=0; ${ATTRIBUTES}`,
        'cache-control': 'no-store',
      },
    }
  }

  return [
    { method: 'GET', path: '/auth/login/:provider', handle: start },
    { method: 'GET', path: '/auth/callback/:provider', handle: finish },
  ]
}
