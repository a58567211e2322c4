import assert from 'node:assert/strict'
import { test } from 'node:test'
import { codeOf } from '../../../packages/shared/src/passport.ts'
import { type Ask, makeClient } from '../src/client.ts'
import { escape } from '../src/html.ts'
import { render } from '../src/router.ts'
import { leftOf } from '../src/session.ts'
import { readSettings } from '../src/settings.ts'

const answering =
  (status: number, body: Record<string, unknown>): Ask =>
  () =>
    Promise.resolve({ ok: status < 400, status, body })
const CODE = codeOf({ maker: 'ACM', year: 2025, number: 1 })

test('the start page says how many devices there are', async () =>
  assert.match(await render('#/', answering(200, { devices: 60 })), /60 devices/))
test('the start page says when nobody answers', async () =>
  assert.match(await render('', answering(503, {})), /does not answer/))
test('the login has its fields', async () =>
  assert.match(await render('#/login', answering(200, {})), /name="password"/))
test('a scanned code leads to its device', async () =>
  assert.match(await render(`#/scan/${CODE}`, answering(200, { name: 'Pump' })), /Pump/))
test('a code of no device says so', async () =>
  assert.match(await render(`#/scan/${CODE}`, answering(404, {})), /No device/))
test('what is no code is not asked for', async () =>
  assert.match(await render('#/scan/DP-1', answering(200, {})), /not the code/))
test('what comes from outside is no markup', async () =>
  assert.doesNotMatch(await render(`#/scan/${CODE}`, answering(200, { name: '<b>' })), /<b>/))
test('text is made harmless, and nothing is nothing', () =>
  assert.deepEqual([escape(`"<&>'`), escape(undefined)], ['&quot;&lt;&amp;&gt;&#39;', '']))
test('a token is over when it says so', () => {
  const token = `e30.${Buffer.from('{"exp":100}').toString('base64url')}.x`
  assert.deepEqual([leftOf(token, 90_000), leftOf(token, 200_000), leftOf('x', 0)], [10_000, 0, 0])
})
test('settings of the build, and without any', () => {
  assert.equal(
    readSettings({ VITE_API_URL: 'https://api.example/api/v1' }).apiUrl,
    'https://api.example/api/v1',
  )
  assert.equal(readSettings({}).version, 'source')
})
test('the client sends what it is given, with the token', async () => {
  const sent: RequestInit[] = []
  const send = ((_url: string, how: RequestInit) => {
    sent.push(how)
    return Promise.resolve(new Response('{"a":1}', { status: 200 }))
  }) as typeof fetch
  const ask = makeClient(readSettings({}), () => 'token', send)
  assert.deepEqual((await ask('POST', '/x', { b: 2 })).body, { a: 1 })
  assert.equal(sent[0]?.body, '{"b":2}')
  assert.equal(new Headers(sent[0]?.headers).get('authorization'), 'Bearer token')
})
test('the client reads an empty answer', async () => {
  const send = (() => Promise.resolve(new Response(null, { status: 204 }))) as typeof fetch
  const ask = makeClient(readSettings({}), () => undefined, send)
  assert.deepEqual((await ask('GET', '/x')).body, {})
})
