import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { askAll, rowsOf, type Cases, type Told } from './library.ts'
import { webServer } from './web-server.ts'

/** Nobody listens there. */
const GONE = 'http://127.0.0.1:2/health'
const app = (path: string) => `\${{ inputs.app_url }}${path}`

const server = webServer()

const A = 'https://a.example.com'
const origins = `${A} https://b.example.com`
const right = 'authorization: Bearer ${{ inputs.right }}'
const login = { method: 'POST', headers: 'x-client: a: b', body: '{"password":"p"}' }
const version = { url: app('/version'), headers: right }
const register = { url: app('/register'), body: '{"email":"nobody@example.com"}' }
const prometheus = { url: app('/') }

const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
/** A token that nobody signed, but that looks so. */
const token = (claims: Record<string, unknown>, alg = 'HS256', signature = 'c2lnbmVk') => ({
  token: [encoded({ alg, typ: 'JWT' }), encoded(claims), signature].join('.'),
})
const soon = Math.floor(Date.now() / 1000) + 890
const claims = { sub: '7', role: 'guest', level: 3, iat: soon - 900, exp: soon }

const cases: Cases = {
  'http-healthy': {
    holds: [
      [{ url: app('/health') }],
      [{ url: app('/health'), parts: 'database redis' }],
      [{ url: app('/healthy'), says: 'healthy' }],
    ],
    does_not_hold: [
      [{ url: app('/healthy') }],
      [{ url: app('/down') }],
      [{ url: app('/html') }],
      [{ url: app('/sick'), parts: 'database' }],
      [{ url: app('/health'), parts: 'database queue' }],
    ],
    cannot_tell: [[{ url: GONE }, { says: 'refused' }]],
  },
  'http-headers': {
    holds: [
      [{ url: app('/secure') }],
      [{ url: app('/frames'), present: 'x-frame-options=deny', absent: '', hsts_days: 0 }],
    ],
    does_not_hold: [
      [{ url: app('/frames'), absent: '', hsts_days: 0 }],
      [{ url: app('/frames'), present: 'x-frame-options', hsts_days: 0 }],
      [{ url: app('/secure'), present: 'x-frame-options=deny' }],
      [{ url: app('/secure'), hsts_days: 365 }],
    ],
    cannot_tell: [[{ url: GONE }, { says: 'ECONNREFUSED' }]],
  },
  cors: {
    holds: [
      [{ url: app('/cors'), origins }],
      [{ url: app('/cors'), origins: A, method: 'PUT' }],
      [{ url: app('/cors-cookies'), origins: A, credentials: true }],
    ],
    does_not_hold: [
      [{ url: app('/cors'), origins: `${A} https://c.example.com` }],
      [{ url: app('/cors'), origins: A, method: 'DELETE' }],
      [{ url: app('/cors'), origins: A, credentials: true }],
      [{ url: app('/cors'), origins: A, foreign: 'https://b.example.com' }],
      [{ url: app('/cors-all'), origins: A }],
      [{ url: app('/cors-echo'), origins: A }],
      [{ url: app('/cors'), origins: '' }],
    ],
    cannot_tell: [[{ url: GONE, origins }, { says: 'ECONNREFUSED' }]],
  },
  'rate-limit-bites': {
    holds: [
      [{ url: app('/limited'), limit: 5, passes: 5 }],
      [{ url: app('/login?1'), limit: 5, ...login }],
      [{ url: app('/limited?2'), limit: 20 }],
    ],
    does_not_hold: [
      [{ url: app('/health'), limit: 5 }],
      [{ url: app('/limited?3'), limit: 4 }],
      [{ url: app('/limited?4'), limit: 20, passes: 20 }],
      [{ url: app('/login?2'), limit: 5 }],
    ],
    cannot_tell: [
      [{ url: GONE, limit: 5 }, { says: 'ECONNREFUSED' }],
      [{ url: app('/down'), limit: 5 }, { says: '503' }],
    ],
  },
  'redirects-to-https': {
    holds: [
      [{ url: app('/moved') }],
      [{ url: app('/moved'), to: 'https://app.example.com/' }],
      [{ url: app('/found'), permanent: false }],
    ],
    does_not_hold: [
      [{ url: app('/found') }],
      [{ url: app('/sideways') }],
      [{ url: app('/moved'), to: 'https://www.example.com/' }],
      [{ url: app('/health') }],
    ],
    cannot_tell: [[{ url: GONE }, { says: 'refused' }]],
  },
  'compression-on': {
    holds: [[{ url: app('/packed') }], [{ url: app('/packed'), accepts: 'gzip' }]],
    does_not_hold: [[{ url: app('/health') }], [{ url: app('/packed'), accepts: 'br' }]],
    cannot_tell: [[{ url: GONE }, { says: 'refused' }]],
  },
  'http-json': {
    holds: [
      [{ ...version, path: 'build[0].version', value: '1.4.0' }],
      [{ ...version, path: '$.build.0.version', compare: 'contains', value: '1.4' }],
      [{ ...version, path: 'users', compare: 'at-least', value: '3' }],
      [{ ...version, path: 'users', compare: 'at-most', value: '3' }],
      [{ ...version, path: 'on', value: 'true' }],
      [{ ...version, path: 'build[0].a b', compare: 'exists' }],
      [{ ...version, path: 'build[1]', compare: 'absent' }],
      [{ ...version, path: 'on', compare: 'differs', value: 'false' }],
      [{ url: app('/version'), status: 401, path: 'error', compare: 'exists' }],
    ],
    does_not_hold: [
      [{ ...version, path: 'build[0].version', value: '1.4' }],
      [{ ...version, path: 'users', compare: 'at-least', value: '4' }],
      [{ ...version, path: 'build[0].version', compare: 'at-most', value: '4' }],
      [{ ...version, path: 'nobody', compare: 'differs', value: 'x' }],
      [{ ...version, path: 'constructor', compare: 'exists' }],
      [{ ...version, path: 'on', compare: 'absent' }],
      [{ url: app('/version'), path: 'error', compare: 'exists' }],
      [{ url: app('/html'), path: 'nothing', compare: 'absent' }],
    ],
    cannot_tell: [
      [{ url: GONE, value: '1' }, { says: 'ECONNREFUSED' }],
      [{ ...version, path: 'users', compare: 'at-least', value: 'many' }, { says: 'not a number' }],
      [{ url: app('/version'), headers: 'no colon' }, { says: 'name: value' }],
    ],
  },
  'prometheus-query': {
    holds: [
      [{ ...prometheus, query: 'two', value: 2.5 }],
      [{ ...prometheus, query: 'two', compare: 'at-least', value: 0.5 }],
      [{ ...prometheus, query: 'scalar(3)', compare: 'equal', value: 3 }],
      [{ ...prometheus, query: 'vector(0)', compare: 'at-most', value: 0 }],
    ],
    does_not_hold: [
      [{ ...prometheus, query: 'two', value: 2 }],
      [{ ...prometheus, query: 'two', compare: 'above', value: 0.5 }],
    ],
    cannot_tell: [
      [{ url: 'http://127.0.0.1:2', query: 'up', value: 1 }, { says: 'ECONNREFUSED' }],
      [{ ...prometheus, query: 'none + 1', value: 1 }, { says: 'no series' }],
      [{ ...prometheus, query: 'up[5m]', value: 1 }, { says: 'one moment' }],
      [{ ...prometheus, query: '0/0', value: 1 }, { says: 'NaN' }],
      [{ ...prometheus, query: 'sum(', value: 1 }, { says: 'parse error' }],
    ],
  },
  'password-policy': {
    holds: [[{ ...register }], [{ ...register, weak: 'short 1234567' }]],
    does_not_hold: [[{ ...register, weak: 'short password' }], [{ ...register, weak: '' }]],
    cannot_tell: [
      [{ ...register, url: GONE }, { says: 'ECONNREFUSED' }],
      [{ ...register, url: app('/down') }, { says: '503' }],
      [{ ...register, url: app('/strange') }, { says: 'does not speak of password' }],
      [{ ...register, body: 'email=nobody' }, { says: 'no JSON object' }],
    ],
  },
  'token-lifetime': {
    holds: [
      [{ ...token(claims), at_most_s: 900 }],
      [{ ...token(claims), at_most_s: 900, at_least_s: 900, claims: 'sub=7 role=guest level=3' }],
    ],
    does_not_hold: [
      [{ ...token(claims), at_most_s: 899 }],
      [{ ...token(claims), at_most_s: 3600, at_least_s: 901 }],
      [{ ...token({ ...claims, iat: 1, exp: 901 }), at_most_s: 900 }],
      [{ ...token({ sub: '7' }), at_most_s: 900 }],
      [{ ...token(claims), at_most_s: 900, claims: 'localId' }],
      [{ ...token(claims), at_most_s: 900, claims: 'role=admin' }],
      [{ ...token(claims, 'none'), at_most_s: 900 }],
      [{ ...token(claims, 'HS256', ''), at_most_s: 900 }],
    ],
    cannot_tell: [
      [{ token: 'a1b2c3', at_most_s: 900 }, { says: 'no JSON Web Token' }],
      [{ token: 'a.b.c', at_most_s: 900 }, { says: 'no JSON Web Token' }],
    ],
  },
}

let told: Map<string, Told>
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  told = await askAll(cases, {
    inputs: { app_url: `http://127.0.0.1:${port}` },
    secrets: { right: 'the-right-token' },
  })
}, 240_000)
afterAll(() => {
  server.close()
})

test.each(rowsOf(cases))('$name', ({ name, answer, given: [, { says = '' } = {}] }) => {
  const found = told.get(name)
  expect(found, JSON.stringify(found)).toMatchObject({ answer })
  expect(found?.reason ?? '').toContain(says)
})
