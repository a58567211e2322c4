// Logging in at Google (OpenID Connect) and at GitHub (OAuth 2): where a browser is sent,
// and who it was that came back.
import * as oauth from 'openid-client'
import type { Config } from './config.ts'

export type ProviderName = 'google' | 'github'
export const PROVIDERS: readonly ProviderName[] = ['google', 'github']

/** What the browser has to bring back with it. */
export interface Kept {
  state: string
  nonce: string
  verifier: string
}

export interface Identity {
  provider: ProviderName
  /** The provider's own number of the account. */
  subject: string
  email: string
}

export interface Providers {
  /** @param hint whom the browser is likely to belong to */
  start(name: ProviderName, hint?: string): Promise<{ url: string; kept: Kept }>
  /** Throws where the provider refuses, or its answer is not the one that was asked for. */
  finish(name: ProviderName, query: URLSearchParams, kept: Kept): Promise<Identity>
}

/** In a sandbox a provider is on the same machine, without TLS. */
const insecure = (url: string): boolean => new URL(url).protocol === 'http:'

interface Email {
  email: string
  primary: boolean
  verified: boolean
}

export function makeProviders({ google, github, publicUrl }: Config): Providers {
  const callback = (name: ProviderName): string => `${publicUrl}/auth/callback/${name}`
  let found: Promise<oauth.Configuration> | undefined

  /** Asked for once; again when that failed. */
  function googleClient(): Promise<oauth.Configuration> {
    found ??= oauth
      .discovery(new URL(google.issuer), google.clientId, google.clientSecret, undefined, {
        execute: insecure(google.issuer) ? [oauth.allowInsecureRequests] : [],
      })
      .catch((error: unknown) => {
        found = undefined
        throw error
      })
    return found
  }

  const githubClient = new oauth.Configuration(
    {
      issuer: github.url,
      authorization_endpoint: `${github.url}/login/oauth/authorize`,
      token_endpoint: `${github.url}/login/oauth/access_token`,
    },
    github.clientId,
    github.clientSecret,
  )
  if (insecure(github.url)) oauth.allowInsecureRequests(githubClient)

  const clientOf = async (name: ProviderName): Promise<oauth.Configuration> =>
    name === 'google' ? googleClient() : githubClient

  async function githubSays<T>(path: string, token: string): Promise<T> {
    const url = new URL(`${github.api}${path}`)
    const answer = await oauth.fetchProtectedResource(githubClient, token, url, 'GET')
    if (!answer.ok) throw new Error(`GitHub answered ${answer.status}`)
    return (await answer.json()) as T
  }

  async function githubIdentity(token: string): Promise<Identity> {
    const { id } = await githubSays<{ id: number }>('/user', token)
    const emails = await githubSays<Email[]>('/user/emails', token)
    const main = emails.find(({ primary, verified }) => primary && verified)
    if (main === undefined) throw new Error('the account has no verified address')
    return { provider: 'github', subject: String(id), email: main.email.toLowerCase() }
  }

  function googleIdentity(claims: oauth.IDToken | undefined): Identity {
    const email = claims?.['email']
    if (claims === undefined || typeof email !== 'string' || claims['email_verified'] !== true)
      throw new Error('the account has no verified address')
    return { provider: 'google', subject: claims.sub, email: email.toLowerCase() }
  }

  return {
    async start(name, hint) {
      const kept = {
        state: oauth.randomState(),
        nonce: oauth.randomNonce(),
        verifier: oauth.randomPKCECodeVerifier(),
      }
      const url = oauth.buildAuthorizationUrl(await clientOf(name), {
        redirect_uri: callback(name),
        state: kept.state,
        code_challenge: await oauth.calculatePKCECodeChallenge(kept.verifier),
        code_challenge_method: 'S256',
        ...(name === 'google'
          ? { scope: 'openid email profile', nonce: kept.nonce }
          : { scope: 'read:user user:email' }),
        ...(hint === undefined ? {} : { [name === 'google' ? 'login_hint' : 'login']: hint }),
      })
      return { url: url.href, kept }
    },
    async finish(name, query, { state, nonce, verifier }) {
      const url = new URL(`${callback(name)}?${query}`)
      const tokens = await oauth.authorizationCodeGrant(await clientOf(name), url, {
        expectedState: state,
        pkceCodeVerifier: verifier,
        ...(name === 'google' ? { expectedNonce: nonce, idTokenExpected: true } : {}),
      })
      return name === 'google'
        ? googleIdentity(tokens.claims())
        : githubIdentity(tokens.access_token)
    },
  }
}

interface Told {
  message?: string
  error?: string
  body?: { error?: string }
  cause?: Told
}

/** What a provider, or the library, calls what went wrong: `invalid_client`, for example. */
export function reasonOf(error: unknown): string {
  // GitHub refuses with 200: its word for it is in what caused the cause.
  for (let at = error as Told | undefined; at != null; at = at.cause) {
    const said = at.error ?? at.body?.error
    if (said !== undefined) return said
  }
  return (error as Error).message
}
