import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { codeOf } from '../../../packages/shared/src/passport.ts'
import { PASSWORD, type World, makeWorld } from './world.ts'

let world: World
before(async () => {
  world = await makeWorld()
})
after(() => world.close())

const API = '/api/v1'
const login = (email: string, password = PASSWORD) =>
  world.send('POST', `${API}/auth/login`, { email, password })
const code = (number: number): string => codeOf({ maker: 'TST', year: 2025, number })

test('health says what is connected', async () => {
  const { status, json } = await world.send('GET', '/api/health')
  assert.deepEqual(
    [status, json],
    [200, { status: 'ok', database: 'connected', redis: 'not used' }],
  )
})
test('a missing table is not healthy', async () => {
  const other = await makeWorld()
  await other.app.db.query('DROP TABLE device_scans')
  assert.equal((await other.send('GET', '/api/health')).status, 503)
  await other.close()
})
test('a wrong password is 401, and is written down', async () => {
  assert.equal((await login('viewer@test.example', 'Wrong-123')).status, 401)
  const rows = await world.app.db.query(`SELECT 1 FROM audit_log WHERE event = 'login refused'`)
  assert.equal(rows.length, 1)
})
test('a token opens the own profile for fifteen minutes', async () => {
  const { json } = await login('engineer@test.example')
  const me = () =>
    world.send('GET', `${API}/auth/me`, undefined, { as: String(json['accessToken']) })
  assert.deepEqual([(await me()).status, (await me()).json['role']], [200, 'engineer'])
  world.later(16)
  assert.equal((await me()).status, 410)
})
test('without a token nothing opens', async () =>
  assert.equal((await world.send('GET', `${API}/devices`)).status, 401))
test('a refresh token used twice ends its session', async () => {
  const refresh = (refreshToken: unknown) =>
    world.send('POST', `${API}/auth/refresh`, { refreshToken })
  const first = (await login('engineer@test.example')).json['refreshToken']
  const second = await refresh(first)
  assert.equal(second.status, 200)
  assert.equal((await refresh(first)).status, 401)
  assert.equal((await refresh(second.json['refreshToken'])).status, 401)
})
test('after a logout no refresh works', async () => {
  const { json } = await login('engineer@test.example')
  const { refreshToken } = json
  const as = String(json['accessToken'])
  assert.equal(
    (await world.send('POST', `${API}/auth/logout`, { refreshToken }, { as })).status,
    204,
  )
  assert.equal((await world.send('POST', `${API}/auth/refresh`, { refreshToken })).status, 401)
})
test('the sixth login of a minute is refused', async () => {
  const codes = []
  for (let i = 0; i < 6; i++) codes.push((await login('nobody@test.example', 'Wrong-123')).status)
  assert.deepEqual(codes, [401, 401, 401, 401, 401, 429])
})
test('accounts are made by administrators only', async () => {
  const given = { email: 'new@test.example', name: 'New', role: 'viewer', password: PASSWORD }
  const make = async (role: string) =>
    (await world.send('POST', `${API}/users`, given, { as: await world.as(role) })).status
  assert.deepEqual(
    [await make('engineer'), await make('admin'), await make('admin')],
    [403, 201, 409],
  )
})
test('a weak password is refused', async () => {
  const given = { email: 'weak@test.example', name: 'W', role: 'viewer', password: 'short12' }
  const as = await world.as('admin')
  assert.equal((await world.send('POST', `${API}/users`, given, { as })).status, 400)
})
test('a device is made, seen, changed and seen changed', async () => {
  const as = await world.as('engineer')
  const given = { id: 'd2', code: code(2), name: 'Scanner' }
  assert.equal((await world.send('POST', `${API}/devices`, given, { as })).status, 201)
  assert.equal((await world.send('POST', `${API}/devices`, given, { as })).status, 409)
  const seen = async () =>
    (await world.send('GET', `${API}/devices/d2`, undefined, { as })).json['status']
  assert.deepEqual([await seen(), await seen()], ['in service', 'in service'])
  const change = { status: 'in repair' }
  assert.equal((await world.send('PATCH', `${API}/devices/d2`, change, { as })).status, 200)
  assert.equal(await seen(), 'in repair')
  const all = await world.send('GET', `${API}/devices`, undefined, { as })
  assert.equal((all.json['devices'] as unknown[]).length, 2)
})
test('who may only look changes nothing', async () => {
  const as = await world.as('viewer')
  const { status } = await world.send('PATCH', `${API}/devices/d1`, { status: 'retired' }, { as })
  assert.equal(status, 403)
})
test('a device with a code that is none is refused, and one that is not there', async () => {
  const as = await world.as('engineer')
  const bad = await world.send('POST', `${API}/devices`, { code: 'DP-1', name: 'X' }, { as })
  const gone = await world.send('GET', `${API}/devices/none`, undefined, { as })
  const changed = await world.send('PATCH', `${API}/devices/none`, { status: 'retired' }, { as })
  assert.deepEqual([bad.status, gone.status, changed.status], [400, 404, 404])
})
test('a scan shows the device and is counted', async () => {
  const as = await world.as('engineer')
  await world.send('POST', `${API}/devices`, { id: 'd3', code: code(3), name: 'Pump' }, { as })
  const { status, json } = await world.send('GET', `${API}/scan/${code(3)}`)
  assert.deepEqual([status, json['name']], [200, 'Pump'])
  const rows = await world.app.db.query(`SELECT 1 FROM device_scans WHERE device_id = 'd3'`)
  assert.equal(rows.length, 1)
})
test('a scan of no code, and of no device', async () => {
  const of = async (text: string) => (await world.send('GET', `${API}/scan/${text}`)).status
  assert.deepEqual([await of('DP-1'), await of(code(99))], [400, 404])
})
test('the twenty-first public request of a minute is refused', async () => {
  const other = await makeWorld()
  const codes = []
  for (let i = 0; i < 21; i++) codes.push((await other.send('GET', `${API}/catalogue`)).status)
  assert.deepEqual(codes.slice(-2), [200, 429])
  await other.close()
})
test('only our own pages may read the answers', async () => {
  const allowed = async (origin: string) =>
    (await world.send('GET', '/api/health', undefined, { headers: { origin } })).headers.get(
      'access-control-allow-origin',
    )
  assert.equal(await allowed('https://passport.example'), 'https://passport.example')
  assert.equal(await allowed('https://elsewhere.example'), null)
})
test('the documentation lists the routes', async () => {
  const { text } = await world.send('GET', '/api/docs')
  assert.match(text, /\/api\/v1\/scan\/:code/)
  const { json } = await world.send('GET', '/api/docs.json')
  assert.ok('/api/v1/scan/{code}' in (json['paths'] as object))
})
test('a socket says hello', async () => {
  const socket = new WebSocket(`${world.url.replace('http', 'ws')}/api/ws`)
  const said = await new Promise((resolve) => {
    socket.onmessage = ({ data }) => resolve(data)
  })
  assert.equal(said, '{"hello":"test"}')
  socket.close()
})
