import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { ADMIN_TOKEN, type World, makeWorld } from '../world.ts'

let world: World
before(async () => {
  world = await makeWorld({ allowedOrigins: ['https://front.hotel.test'] })
})
after(() => world.close())

const as = ADMIN_TOKEN
const ORDER = { hotelId: 'hotel-1', userId: 'guest-1', role: 'guest' }

test('credentials: none, a wrong one and a forged session are 401', async () => {
  for (const credential of [undefined, 'wrong', 'eyJhbGciOiJub25lIn0.e30.']) {
    assert.equal((await world.send('GET', '/api/chat', undefined, { as: credential })).status, 401)
  }
})
test('credentials: a token for the login is no session', async () => {
  const made = await world.send('POST', '/api/qr/generate', ORDER, { as })
  assert.equal(
    (await world.send('GET', '/api/chat', undefined, { as: String(made.json['token']) })).status,
    401,
  )
})
test('permissions: a guest cannot make, list or revoke tokens or users', async () => {
  const guest = { as: await world.session({}) }
  assert.equal((await world.send('POST', '/api/qr/generate', ORDER, guest)).status, 403)
  assert.equal(
    (await world.send('GET', '/api/qr/tokens?hotelId=hotel-1', undefined, guest)).status,
    403,
  )
  assert.equal((await world.send('DELETE', '/api/qr/tokens/x', undefined, guest)).status, 403)
  assert.equal((await world.send('POST', '/api/users/create', {}, guest)).status, 403)
})
test('input: every route that takes a body refuses a wrong one', async () => {
  const session = await world.session({})
  const wrong: [string, unknown, string][] = [
    ['/api/qr/generate', { ...ORDER, role: 'admin' }, as],
    ['/api/qr/generate', { ...ORDER, hotelId: 7 }, as],
    ['/api/qr/validate', { token: '', hotelId: 'hotel-1' }, as],
    ['/api/users/create', { email: 'nobody', hotelId: 'hotel-1' }, as],
    ['/api/chat', { message: 'x', extra: true }, session],
    ['/api/chat', '{not json', session],
  ]
  for (const [path, body, credential] of wrong)
    assert.equal((await world.send('POST', path, body, { as: credential })).status, 400, path)
})
test('input: a body without a JSON content type is 415, a huge one 413', async () => {
  assert.equal(
    (
      await world.send('POST', '/api/qr/generate', ORDER, {
        as,
        headers: { 'content-type': 'text/plain' },
      })
    ).status,
    415,
  )
  assert.equal(
    (
      await world.send(
        'POST',
        '/api/qr/generate',
        { ...ORDER, hotelId: 'x'.repeat(70_000) },
        { as },
      )
    ).status,
    413,
  )
})
test('SQL: a quote in a value is a value', async () => {
  const path = `/api/qr/tokens?hotelId=${encodeURIComponent(`x' OR '1'='1`)}`
  assert.equal((await world.send('GET', path, undefined, { as })).json['total'], 0)
  assert.equal(
    (
      await world.send(
        'GET',
        `/api/users/${encodeURIComponent(`'; DROP TABLE "User"; --`)}`,
        undefined,
        { as },
      )
    ).status,
    404,
  )
  assert.equal((await world.send('GET', '/api/health')).status, 200)
})
test('scripts: what a person wrote is escaped in the page', async () => {
  const page = await world.send(
    'GET',
    `/dashboard/admin/qr?hotelId=${encodeURIComponent('<script>alert(1)</script>')}`,
    undefined,
    { as },
  )
  assert.doesNotMatch(page.text, /<script>alert/)
  assert.match(String(page.headers.get('content-security-policy')), /default-src 'self'/)
})
test('cross-origin: only the named origin is allowed', async () => {
  const ask = (origin: string) =>
    world.send('OPTIONS', '/api/qr/generate', undefined, { headers: { origin } })
  assert.equal(
    (await ask('https://front.hotel.test')).headers.get('access-control-allow-origin'),
    'https://front.hotel.test',
  )
  assert.equal(
    (await ask('https://elsewhere.test')).headers.get('access-control-allow-origin'),
    null,
  )
})
test('forgery: a cookie changes nothing when the request comes from another site', async () => {
  const cookie = `session=${await world.session({})}`
  const from = (origin: string) =>
    world.send('POST', '/api/chat', { message: 'x' }, { headers: { cookie, origin } })
  assert.equal((await from('https://elsewhere.test')).status, 403)
  assert.equal((await from(world.url)).status, 201)
})
test('errors: a fault inside is 500 without details', async () => {
  const broken = await makeWorld()
  await broken.app.db.query('ALTER TABLE "ChatMessage" RENAME TO "Gone"')
  const answer = await broken.send('GET', '/api/chat', undefined, { as: await broken.session({}) })
  assert.deepEqual([answer.status, answer.json], [500, { error: 'internal error' }])
  await broken.close()
})
test('rate: guessing tokens and credentials ends in 429', async () => {
  const guess = { token: 'x.y.z', hotelId: 'hotel-1' }
  const answers = await Promise.all(
    Array.from({ length: 130 }, () => world.send('POST', '/api/qr/validate', guess)),
  )
  assert.ok(answers.some((a) => a.status === 429))
  assert.equal((await world.send('GET', '/api/chat')).status, 429)
})
