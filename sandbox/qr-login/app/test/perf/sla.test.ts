// Response times of this source on the staging copy, with some tokens in the table.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { ADMIN_TOKEN, type World, makeWorld } from '../world.ts'

const SLA_MS = 500
let world: World
before(async () => {
  world = await makeWorld()
  await world.app.db.query(
    `INSERT INTO "GuestStaffQRToken" (id, "tokenHash", "hotelId", "userId", role, "expiresAt", "createdBy")
     SELECT 'perf-' || n, 'hash-' || n, 'hotel-1', 'guest-1', 'guest', now() + interval '1 hour', 'user-admin' FROM generate_series(1, 2000) n`,
  )
})
after(() => world.close())

async function p95(times: number, ask: (n: number) => Promise<unknown>): Promise<number> {
  const took: number[] = []
  for (let n = 0; n < times; n++) {
    const from = performance.now()
    await ask(n)
    took.push(performance.now() - from)
  }
  return took.sort((a, b) => a - b)[Math.ceil(times * 0.95) - 1] ?? Infinity
}

test('listing with statistics', async (t) => {
  const ms = await p95(60, () =>
    world.send('GET', '/api/qr/tokens?hotelId=hotel-1&stats=true', undefined, { as: ADMIN_TOKEN }),
  )
  t.diagnostic(`p95 ${ms.toFixed(1)} ms`)
  assert.ok(ms < SLA_MS)
})
test('making tokens', async (t) => {
  const ms = await p95(60, () =>
    world.send(
      'POST',
      '/api/qr/generate',
      { hotelId: 'hotel-1', userId: 'guest-1', role: 'guest' },
      { as: ADMIN_TOKEN },
    ),
  )
  t.diagnostic(`p95 ${ms.toFixed(1)} ms`)
  assert.ok(ms < SLA_MS)
})
