import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { decodeJwt } from 'jose'
import { giveUp, logIn, openBrowser } from '../../scripts/browser.ts'
import { type World, makeWorld } from '../world.ts'

const ADMIN = 'admin@clinic.example'
let world: World
before(async () => {
  world = await makeWorld()
})
after(() => world.close())

const count = async (): Promise<unknown> => {
  const [row] = await world.app.db.query<{ n: number }>('SELECT count(*) AS n FROM users')
  return row?.n
}

for (const provider of ['google', 'github'])
  test(`who logs in by ${provider} for the first time is a guest without localId`, async () => {
    const { status, json } = await world.logIn(provider, `${provider}@clinic.example`)
    assert.equal(status, 200)
    const { role, localId, provider: by } = json['user'] as Record<string, unknown>
    assert.deepEqual([role, localId, by], ['guest', null, provider])
    const token = decodeJwt(String(json['access_token']))
    assert.deepEqual(
      [token['role'], token['localId'], token['provider']],
      ['guest', null, provider],
    )
  })

test('an administrator gives a localId, and the next login has it in answer and token', async () => {
  const first = await world.logIn('google', 'again@clinic.example')
  const { id } = first.json['user'] as { id: string }
  const as = await world.tokenOf(ADMIN)
  const path = `/api/users/${id}/localId`
  assert.equal((await world.send('PUT', path, { localId: 'VNW001' }, { as })).status, 200)
  const { json } = await world.logIn('google', 'again@clinic.example')
  assert.equal((json['user'] as Record<string, unknown>)['localId'], 'VNW001')
  assert.equal(decodeJwt(String(json['access_token']))['localId'], 'VNW001')
})

test('whoever is there keeps id and role, by whichever provider they come', async () => {
  const before = await count()
  for (const provider of ['google', 'github']) {
    const { json } = await world.logIn(provider, ADMIN)
    const { id, role } = json['user'] as Record<string, unknown>
    assert.deepEqual([id, role], ['00000000-0000-4000-8000-000000000001', 'admin'])
  }
  assert.equal(await count(), before)
})

test('the list of users is for administrators: 401 without a token, 403 for a guest', async () => {
  const list = async (as?: string): Promise<number> =>
    (await world.send('GET', '/api/users', undefined, { as })).status
  const guest = await world.tokenOf('google@clinic.example')
  assert.deepEqual(
    [await list(), await list(guest), await list(await world.tokenOf(ADMIN))],
    [401, 403, 200],
  )
})

test('a role that was changed counts at once, for a token that was given before', async () => {
  const as = await world.tokenOf('google@clinic.example')
  const me = await world.send('GET', '/api/users/me', undefined, { as })
  const path = `/api/users/${String(me.json['id'])}/role`
  const admin = { as: await world.tokenOf(ADMIN) }
  assert.equal((await world.send('PUT', path, { role: 'admin' }, admin)).status, 200)
  assert.equal((await world.send('GET', '/api/users', undefined, { as })).status, 200)
  assert.equal((await world.send('PUT', path, { role: 'guest' }, admin)).status, 200)
})

test('there is no user of a number that is none', async () => {
  const as = await world.tokenOf(ADMIN)
  const answer = await world.send('PUT', '/api/users/7/role', { role: 'nurse' }, { as })
  assert.equal(answer.status, 404)
})

for (const provider of ['google', 'github'])
  test(`a login by ${provider} that is given up is told and counted, and makes nobody`, async () => {
    const before = await count()
    const { status, json } = await giveUp(world.url, provider)
    assert.deepEqual([status, json['error']], [400, 'OAuth login failed: access_denied'])
    assert.deepEqual(world.logged.at(-1), {
      level: 'warn',
      message: `OAuth callback ${provider} failed`,
    })
    assert.equal(await count(), before)
  })

test('a code works once, and only for the browser that went for it', async () => {
  let back = ''
  const browser = openBrowser()
  const page = await browser.open(`${world.url}/auth/login/google?login_hint=${ADMIN}`, (sent) => {
    if (sent.pathname === '/auth/callback/google') back = sent.href
    return sent
  })
  assert.equal(page.status, 200)
  assert.equal((await browser.open(back)).status, 400)
  assert.equal((await openBrowser().open(back)).status, 400)
})

test('a wrong secret is refused by both providers, each in its words', async () => {
  const wrong = await makeWorld({
    GOOGLE_CLIENT_SECRET: 'a-wrong-secret-of-nobody',
    GITHUB_CLIENT_SECRET: 'a-wrong-secret-of-nobody',
  })
  try {
    const said = ['google', 'github'].map(
      async (provider) => (await logIn(openBrowser(), wrong.url, provider, ADMIN)).json['error'],
    )
    assert.deepEqual(await Promise.all(said), [
      'OAuth login failed: invalid_client',
      'OAuth login failed: incorrect_client_credentials',
    ])
  } finally {
    await wrong.close()
  }
})

test('a token is over after a day', async () => {
  const as = await world.tokenOf(ADMIN)
  world.later(1441)
  assert.equal((await world.send('GET', '/api/users/me', undefined, { as })).status, 401)
})

test('it is healthy below both addresses', async () => {
  for (const path of ['/health', '/api/health'])
    assert.deepEqual((await world.send('GET', path)).json, { status: 'healthy' })
})
