// Both providers, as an application sees them:
//   /google/...   OpenID Connect: found by its discovery document, with an id token
//   /github/...   OAuth 2 with GitHub's paths and ways: its answers about users, no id token
//   /-/ready
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Provider } from 'oidc-provider'
import { type Client, openAccounts } from './accounts.ts'
import { subjectOf } from './people.ts'

type Asked = IncomingMessage & { originalUrl?: string }
type Handler = (request: IncomingMessage, response: ServerResponse) => unknown

const openGoogle = (issuer: string, client: Client): Promise<Provider> =>
  openAccounts({
    issuer,
    client,
    scopes: ['openid', 'email', 'profile'],
    hint: 'login_hint',
    routes: { authorization: '/o/oauth2/v2/auth', token: '/token' },
    subjectOf: (email) => subjectOf('google', email),
  })

/** What GitHub calls what goes wrong; and it says so with 200. */
const ERRORS: Readonly<Record<string, string>> = {
  invalid_client: 'incorrect_client_credentials',
  invalid_grant: 'bad_verification_code',
}

async function openGithub(issuer: string, client: Client): Promise<Provider> {
  const token = '/login/oauth/access_token'
  const provider = await openAccounts({
    issuer,
    client,
    scopes: ['read:user', 'user:email'],
    hint: 'login',
    routes: { authorization: '/login/oauth/authorize', token },
    subjectOf: (email) => subjectOf('github', email),
  })
  provider.use(async (context, next) => {
    const { path } = context
    if (path === '/user' || path === '/user/emails') {
      const [, credential = ''] =
        /^(?:bearer|token) (.+)$/i.exec(context.get('authorization')) ?? []
      const email = (await provider.AccessToken.find(credential))?.accountId
      if (email === undefined) {
        context.status = 401
        context.body = { message: 'Bad credentials' }
      } else if (path === '/user')
        context.body = {
          id: Number(subjectOf('github', email)),
          login: email.replace(/@.*/, ''),
          email: null,
        }
      else context.body = [{ email, primary: true, verified: true, visibility: 'private' }]
      return
    }
    await next()
    if (path !== token) return
    const said = context.body as Record<string, string>
    const error = said['error']
    if (error !== undefined) {
      context.status = 200
      context.body = { error: ERRORS[error] ?? error, error_description: said['error_description'] }
    }
    if (context.accepts('application/x-www-form-urlencoded', 'json') !== 'json') {
      context.type = 'application/x-www-form-urlencoded'
      context.body = new URLSearchParams(context.body as Record<string, string>).toString()
    }
  })
  return provider
}

export interface Clients {
  google: { id: string; secret: string }
  github: { id: string; secret: string }
}

/** Listens on a port of this machine, 0 for one that is free. */
export async function openProviders(
  port: number,
  clients: Clients,
): Promise<{ url: string; close(): void }> {
  const below: Record<string, Handler> = {}
  const server = createServer((request: Asked, response) => {
    const [, name = '', rest = '/'] = /^\/([^/?]+)(\/.*)?$/.exec(request.url ?? '') ?? []
    const handler = below[name]
    if (handler === undefined) {
      response.writeHead(request.url === '/-/ready' && below['github'] ? 200 : 404).end()
      return
    }
    // As a router does that takes a prefix away.
    request.originalUrl = request.url ?? '/'
    request.url = rest
    void handler(request, response)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const made = await Promise.all([
    openGoogle(`${url}/google`, { ...clients.google, callback: '/auth/callback/google' }),
    openGithub(`${url}/github`, { ...clients.github, callback: '/auth/callback/github' }),
  ])
  const [google, github] = made.map((provider) => provider.callback())
  Object.assign(below, { google, github })
  return {
    url,
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}

if (import.meta.main) {
  const { needed } = await import('../shared/host/host.ts')
  await openProviders(Number(needed('PORT')), {
    google: { id: needed('GOOGLE_CLIENT_ID'), secret: needed('GOOGLE_CLIENT_SECRET') },
    github: { id: needed('GITHUB_CLIENT_ID'), secret: needed('GITHUB_CLIENT_SECRET') },
  })
}
