// The critical flows, through the API that the pages use, by the pages' own client.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { PASSWORD, type World, makeWorld } from '../../../apps/api/test/world.ts'
import { type Ask, makeClient } from '../../../apps/web/src/client.ts'
import { render } from '../../../apps/web/src/router.ts'
import { readSettings } from '../../../apps/web/src/settings.ts'
import { codeOf } from '../../shared/src/passport.ts'

let world: World
let token: string | undefined
let ask: Ask
const CODE = codeOf({ maker: 'TST', year: 2025, number: 7 })
before(async () => {
  world = await makeWorld()
  ask = makeClient(readSettings({ VITE_API_URL: `${world.url}/api/v1` }), () => token)
})
after(() => world.close())

test('the start page shows the catalogue', async () =>
  assert.match(await render('#/', ask), /1 devices/))
test('an engineer logs in', async () => {
  const { ok, body } = await ask('POST', '/auth/login', {
    email: 'engineer@test.example',
    password: PASSWORD,
  })
  assert.ok(ok)
  token = String(body['accessToken'])
})
test('and gives a device its passport', async () =>
  assert.equal((await ask('POST', '/devices', { id: 'e2e', code: CODE, name: 'Bed' })).status, 201))
test('anybody scans it and sees what it is', async () =>
  assert.match(await render(`#/scan/${CODE}`, ask), /Bed.*in service/))
test('it goes into repair, and the next scan says so', async () => {
  await ask('PATCH', '/devices/e2e', { status: 'in repair' })
  assert.match(await render(`#/scan/${CODE}`, ask), /in repair/)
})
test('who did it is written down', async () => {
  const rows = await world.app.db.query(
    `SELECT event FROM audit_log WHERE subject = 'e2e' AND actor_id = 'engineer' ORDER BY id`,
  )
  assert.deepEqual(rows, [{ event: 'device made' }, { event: 'device changed' }])
})
