import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type World, makeWorld } from '../world.ts'

let world: World
const anna = {
  email: 'anna@tickr.example',
  password: 'Test123!',
  firstName: 'Anna',
  lastName: 'One',
}
before(async () => {
  world = await makeWorld()
})
after(() => world.close())

const login = (email: string, password: string) =>
  world.send('POST', '/api/auth/login', { email, password })

test('health says that the database is connected', async () => {
  const { status, json } = await world.send('GET', '/api/health')
  assert.deepEqual([status, json['database']], [200, 'connected'])
})
test('a registration opens a session', async () => {
  const { status, json } = await world.send('POST', '/api/auth/register', anna)
  assert.equal(status, 201)
  assert.equal(typeof json['accessToken'], 'string')
})
test('no password comes back', async () => {
  const { text } = await login(anna.email, anna.password)
  assert.equal(text.includes('password'), false)
})
test('an address is registered once, whatever its capitals', async () => {
  const { status } = await world.send('POST', '/api/auth/register', {
    ...anna,
    email: 'ANNA@tickr.example',
  })
  assert.equal(status, 409)
})
test('a weak password is refused', async () => {
  const { status } = await world.send('POST', '/api/auth/register', {
    ...anna,
    email: 'b@tickr.example',
    password: 'short',
  })
  assert.equal(status, 400)
})
test('a login gives a token that opens the own profile', async () => {
  const { json } = await login(anna.email, anna.password)
  const me = await world.send('GET', '/api/users/me', undefined, {
    as: String(json['accessToken']),
  })
  assert.deepEqual([me.status, me.json['email']], [200, anna.email])
})
test('a wrong password is 401', async () =>
  assert.equal((await login(anna.email, 'Wrong123!')).status, 401))
test('an access token is over after fifteen minutes', async () => {
  const { json } = await login(anna.email, anna.password)
  world.later(16)
  const me = await world.send('GET', '/api/users/me', undefined, {
    as: String(json['accessToken']),
  })
  assert.equal(me.status, 410)
})
test('a refresh token works once; a second use ends every session', async () => {
  const eve = { ...anna, email: 'eve@tickr.example' }
  const first = await world.send('POST', '/api/auth/register', eve)
  const refreshToken = String(first.json['refreshToken'])
  const second = await world.send('POST', '/api/auth/refresh', { refreshToken })
  assert.equal(second.status, 200)
  assert.equal((await world.send('POST', '/api/auth/refresh', { refreshToken })).status, 401)
  const third = await world.send('POST', '/api/auth/refresh', {
    refreshToken: second.json['refreshToken'],
  })
  assert.equal(third.status, 401)
})
test('the sixth login of a minute is 429', async () => {
  const codes = []
  for (let i = 0; i < 6; i++) codes.push((await login('nobody@tickr.example', 'Wrong123!')).status)
  assert.deepEqual(codes, [401, 401, 401, 401, 401, 429])
})
test('http at the edge is sent to https', async () => {
  const { status, headers } = await world.send('GET', '/api/health', undefined, {
    headers: { 'x-forwarded-proto': 'http' },
  })
  assert.equal(status, 308)
  assert.match(headers.get('location') ?? '', /^https:/)
})
test('the count of users is kept for a while', async () => {
  await world.send('GET', '/api/users/count')
  const again = await world.send('GET', '/api/users/count')
  assert.equal(again.headers.get('x-cache'), 'hit')
})
