// login.ts PROVIDER EMAIL [--then METHOD PATH [BODY]]: logs a person in at APP_URL, and then
// makes a call with the token. The answer is a line of JSON: the status, the user and the
// claims of the token, which itself is not shown; `then` has the status and body of the call.
import { decodeJwt } from 'jose'
import { logIn, openBrowser } from './browser.ts'

const [, , provider, email, then, method = 'GET', path = '/', body] = process.argv
const app = process.env['APP_URL']?.replace(/\/$/, '') ?? ''
if (
  app === '' ||
  provider === undefined ||
  email === undefined ||
  (then ?? '--then') !== '--then'
) {
  process.stderr.write('usage: APP_URL=… login.ts PROVIDER EMAIL [--then METHOD PATH [BODY]]\n')
  process.exit(2)
}

async function call(token: string): Promise<Record<string, unknown>> {
  const answer = await fetch(app + path, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body }),
    signal: AbortSignal.timeout(10_000),
  })
  const text = await answer.text()
  return { status: answer.status, body: text === '' ? {} : (JSON.parse(text) as unknown) }
}

const { status, json } = await logIn(openBrowser(), app, provider, email)
const token = json['access_token']
const said =
  typeof token === 'string'
    ? {
        status,
        user: json['user'],
        claims: decodeJwt(token),
        ...(then === undefined ? {} : { then: await call(token) }),
      }
    : { status, error: json['error'] ?? 'no token came' }
process.stdout.write(JSON.stringify(said) + '\n')
