import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { ADMIN_TOKEN, type World, makeWorld } from '../world.ts'

let world: World
before(async () => {
  world = await makeWorld()
})
after(() => world.close())

const as = ADMIN_TOKEN
const generate = (id: string, userId = 'guest-1') =>
  world.send('POST', '/api/qr/generate', { id, hotelId: 'hotel-1', userId, role: 'guest' }, { as })

test('generate answers 201 with a token', async () => {
  const made = await generate('e-1')
  assert.equal(made.status, 201)
  assert.equal(String(made.json['token']).split('.').length, 3)
})
test('validate answers 200 with a session and permissions', async () => {
  const made = await generate('e-2')
  const scanned = await world.send('POST', '/api/qr/validate', {
    token: made.json['token'],
    hotelId: 'hotel-1',
  })
  assert.equal(scanned.status, 200)
  assert.deepEqual(scanned.json['permissions'], ['chat.messages.read', 'chat.messages.write'])
})
test('the list has tokens, pages and statistics, and never a token itself', async () => {
  const listed = await world.send(
    'GET',
    '/api/qr/tokens?hotelId=hotel-1&stats=true&pageSize=1',
    undefined,
    { as },
  )
  assert.equal(listed.status, 200)
  assert.equal((listed.json['tokens'] as unknown[]).length, 1)
  assert.equal((listed.json['stats'] as { total: number }).total, listed.json['total'])
  assert.doesNotMatch(listed.text, /"token"|tokenHash/)
})
test('one token can be looked at', async () => {
  await generate('e-3')
  assert.equal(
    (await world.send('GET', '/api/qr/tokens/e-3', undefined, { as })).json['isUsed'],
    false,
  )
  assert.equal((await world.send('GET', '/api/qr/tokens/none', undefined, { as })).status, 404)
})
test('revoke answers 200 and says who and when', async () => {
  await generate('e-4')
  const revoked = await world.send('DELETE', '/api/qr/tokens/e-4', undefined, { as })
  assert.equal(revoked.status, 200)
  assert.equal(revoked.json['revokedBy'], 'user-admin')
})
test('purge removes a token', async () => {
  await generate('e-5')
  assert.equal(
    (await world.send('DELETE', '/api/qr/tokens/e-5?purge=true', undefined, { as })).status,
    200,
  )
  assert.equal((await world.send('GET', '/api/qr/tokens/e-5', undefined, { as })).status, 404)
})
test('a new user scans a code, writes and reads a message', async () => {
  const user = await world.send(
    'POST',
    '/api/users/create',
    { id: 'e-user', email: 'e@hotel.test', hotelId: 'hotel-1' },
    { as },
  )
  assert.equal(user.status, 201)
  const made = await generate('e-flow', 'e-user')
  const scanned = await world.send('POST', '/api/qr/validate', {
    token: made.json['token'],
    hotelId: 'hotel-1',
  })
  const session = String(scanned.json['session'])
  assert.equal(
    (await world.send('POST', '/api/chat', { message: 'hello' }, { as: session })).status,
    201,
  )
  const read = await world.send('GET', '/api/chat', undefined, { as: session })
  assert.equal((read.json['messages'] as { body: string }[])[0]?.body, 'hello')
})
test('a user request may be repeated; the address of another is a conflict', async () => {
  const body = { id: 'e-again', email: 'again@hotel.test', hotelId: 'hotel-1' }
  assert.equal((await world.send('POST', '/api/users/create', body, { as })).status, 201)
  assert.equal((await world.send('POST', '/api/users/create', body, { as })).status, 201)
  assert.equal(
    (await world.send('POST', '/api/users/create', { ...body, id: 'e-else' }, { as })).status,
    409,
  )
})
test('a user with tokens is not removed; without them it is', async () => {
  await world.send(
    'POST',
    '/api/users/create',
    { id: 'e-del', email: 'del@hotel.test', hotelId: 'hotel-1' },
    { as },
  )
  await generate('e-del-token', 'e-del')
  assert.equal((await world.send('DELETE', '/api/users/e-del', undefined, { as })).status, 409)
  await world.send('DELETE', '/api/qr/tokens/e-del-token?purge=true', undefined, { as })
  assert.equal((await world.send('DELETE', '/api/users/e-del', undefined, { as })).status, 200)
  assert.equal((await world.send('GET', '/api/users/e-del', undefined, { as })).status, 404)
})
test('the dashboard has statistics, a form, a table and pages', async () => {
  const page = await world.send('GET', '/dashboard/admin/qr?pageSize=2&page=2', undefined, { as })
  assert.equal(page.status, 200)
  for (const part of [
    'QR Code Management',
    'id="statistics"',
    'id="generate"',
    'id="tokens"',
    'id="pagination"',
    'Page 2 of',
    'Previous',
  ]) {
    assert.ok(page.text.includes(part), part)
  }
})
test('an administrator’s session in a cookie opens the dashboard', async () => {
  const session = await world.session({ userId: 'user-admin', role: 'admin' })
  const page = await world.send('GET', '/dashboard/admin/qr', undefined, {
    headers: { cookie: `session=${session}` },
  })
  assert.equal(page.status, 200)
  assert.equal(
    (await world.send('GET', '/dashboard/admin/qr.js')).headers.get('content-type'),
    'text/javascript; charset=utf-8',
  )
})
test('health, version and metrics answer', async () => {
  assert.deepEqual((await world.send('GET', '/api/health')).json, { status: 'ok' })
  assert.deepEqual((await world.send('GET', '/version')).json, { version: 'test' })
  assert.match((await world.send('GET', '/metrics')).text, /qr_tokens_generated_total [1-9]/)
  assert.equal((await world.send('GET', '/metrics.json')).json['errors'], 0)
})
test('a guest is not shown the dashboard', async () => {
  const page = await world.send('GET', '/dashboard/admin/qr', undefined, {
    as: await world.session({}),
  })
  assert.equal(page.status, 403)
})
