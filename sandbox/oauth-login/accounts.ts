// An authorization server in which anybody with an address has an account, and which asks
// for no password: who logs in is told by a hint, or on its page. All the rest is as a certified server does it: codes that work once, for the client
// they were given to and with its verifier, and secrets that are compared.
import { randomBytes } from 'node:crypto'
import { exportJWK, generateKeyPair } from 'jose'
import { type Configuration, Provider, interactionPolicy } from 'oidc-provider'

export interface Client {
  id: string
  secret: string
  /** The path to which people come back, on any port of this machine. */
  callback: string
}

export interface Accounts {
  /** Its address, also of what lies below it. */
  issuer: string
  client: Client
  scopes: readonly string[]
  /** The parameter that tells who is likely to log in. */
  hint: 'login_hint' | 'login'
  routes: { authorization: string; token: string }
  /** A provider's own number of an account. */
  subjectOf: (email: string) => string
}

const { Check, base } = interactionPolicy

/** Nobody is asked for consent; whoever is logged in as somebody else than was hinted at logs in again. */
function policy(name: Accounts['hint']): interactionPolicy.DefaultPolicy {
  const prompts = base()
  prompts.remove('consent')
  prompts.get('login')?.checks.add(
    new Check('other_person', 'another person is asked for', 'login_required', ({ oidc }) => {
      const hint = oidc.params?.[name]
      return (
        hint !== undefined && hint !== oidc.session?.accountId && oidc.result?.login === undefined
      )
    }),
  )
  return prompts
}

const PAGE = `<!doctype html><title>Sign in</title>
<form><label>E-mail <input name="as" type="email" autofocus></label>
<button>Sign in</button> <button name="deny" value="1">Cancel</button></form>`

async function configuration(of: Accounts): Promise<Configuration> {
  const { privateKey } = await generateKeyPair('RS256', { extractable: true })
  const { client } = of
  return {
    clients: [
      {
        client_id: client.id,
        client_secret: client.secret,
        // Of a native client, since its port on this machine may be any (RFC 8252).
        application_type: 'native',
        redirect_uris: [`http://127.0.0.1${client.callback}`],
        token_endpoint_auth_method: 'client_secret_post',
      },
    ],
    jwks: { keys: [{ ...(await exportJWK(privateKey)), alg: 'RS256', use: 'sig' }] },
    cookies: {
      keys: [randomBytes(24).toString('hex')],
      // Two providers are one host to a browser.
      names: { session: `session${new URL(of.issuer).pathname.replace('/', '_')}` },
    },
    scopes: [...of.scopes],
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
    conformIdTokenClaims: false,
    extraParams: ['login'],
    routes: of.routes,
    features: { devInteractions: { enabled: false } },
    interactions: {
      policy: policy(of.hint),
      url: (_, { uid }) => `${of.issuer}/interaction/${uid}`,
    },
    findAccount: (_, email) => ({
      accountId: email,
      claims: () => ({
        sub: of.subjectOf(email),
        email,
        email_verified: true,
        name: email.replace(/@.*/, ''),
      }),
    }),
    async loadExistingGrant({ oidc }) {
      const { session, client: asking } = oidc
      if (session?.accountId === undefined || asking === undefined) return undefined
      const grant = new oidc.provider.Grant({
        accountId: session.accountId,
        clientId: asking.clientId,
      })
      grant.addOIDCScope(of.scopes.join(' '))
      await grant.save()
      return grant
    },
    ttl: {
      AccessToken: 600,
      AuthorizationCode: 60,
      Grant: 600,
      IdToken: 600,
      Interaction: 600,
      Session: 600,
    },
  }
}

export async function openAccounts(of: Accounts): Promise<Provider> {
  const provider = new Provider(of.issuer, await configuration(of))
  provider.use(async (context, next) => {
    if (!context.path.startsWith('/interaction/')) return next()
    const { params } = await provider.interactionDetails(context.req, context.res)
    const person = context.query['as'] ?? params[of.hint]
    const denied = context.query['deny'] !== undefined
    if (!denied && (typeof person !== 'string' || person === '')) {
      context.type = 'html'
      context.body = PAGE
      return
    }
    const result = denied
      ? { error: 'access_denied', error_description: 'The user said no.' }
      : { login: { accountId: String(person) } }
    const to = await provider.interactionResult(context.req, context.res, result)
    context.redirect(to)
  })
  return provider
}
