import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { missingTables } from '../../../../shared/kit/database.ts'
import { Refusal } from '../../../../shared/kit/http.ts'
import { openLog } from '../../../../shared/kit/log.ts'
import {
  activeTokens,
  byId,
  generate,
  list,
  purge,
  revoke,
  stats,
  tokenHash,
  validate,
} from '../../src/qr/tokens.ts'
import { readRelease } from '../../../../shared/kit/release.ts'
import { type World, makeWorld } from '../world.ts'

let world: World
before(async () => {
  world = await makeWorld()
})
after(() => world.close())

const ADMIN = { id: 'user-admin', role: 'admin', hotelId: undefined }
const order = (id: string, hotelId = 'hotel-1', userId = 'guest-1') => ({
  id,
  hotelId,
  userId,
  role: 'guest',
})
const refused = (status: number) => (error: unknown) =>
  error instanceof Refusal && error.status === status

test('a token is stored as a hash only', async () => {
  const made = await generate(world.app, ADMIN, order('t-hash'))
  const rows = await world.app.db.query<{ tokenHash: string }>(
    'SELECT * FROM "GuestStaffQRToken" WHERE id = $1',
    ['t-hash'],
  )
  assert.equal(rows[0]?.tokenHash, tokenHash(made.token))
  assert.ok(!JSON.stringify(rows).includes(made.token))
})
test('the same order again gives the same token and one row', async () => {
  const [a, b] = [
    await generate(world.app, ADMIN, order('t-same')),
    await generate(world.app, ADMIN, order('t-same')),
  ]
  assert.equal(a.token, b.token)
})
test('another order under the same id is a conflict', async () => {
  await generate(world.app, ADMIN, order('t-conflict'))
  await assert.rejects(
    generate(world.app, ADMIN, order('t-conflict', 'hotel-2', 'guest-2')),
    refused(409),
  )
})
test('a user of another hotel gets no token', async () => {
  await assert.rejects(
    generate(world.app, ADMIN, order('t-other', 'hotel-1', 'guest-2')),
    refused(404),
  )
})
test('who made it and when are kept', async () => {
  await generate(world.app, ADMIN, order('t-audit'))
  const row = await byId(world.app, 't-audit')
  assert.equal(row.createdBy, 'user-admin')
  assert.ok(row.createdAt instanceof Date)
})
test('a scan marks the token and opens a session with permissions', async () => {
  const made = await generate(world.app, ADMIN, order('t-scan'))
  const { permissions, row } = await validate(world.app, made.token, 'hotel-1', undefined)
  assert.deepEqual(permissions, ['chat.messages.read', 'chat.messages.write'])
  assert.equal(row.isUsed, true)
})
test('a second scan is refused', async () => {
  const made = await generate(world.app, ADMIN, order('t-twice'))
  await validate(world.app, made.token, 'hotel-1', undefined)
  await assert.rejects(validate(world.app, made.token, 'hotel-1', undefined), refused(410))
})
test('the same request may be repeated; another may not', async () => {
  const made = await generate(world.app, ADMIN, order('t-repeat'))
  const first = await validate(world.app, made.token, 'hotel-1', 'request-1')
  const again = await validate(world.app, made.token, 'hotel-1', 'request-1')
  assert.deepEqual(again.row.usedAt, first.row.usedAt)
  await assert.rejects(validate(world.app, made.token, 'hotel-1', 'request-2'), refused(410))
})
test('of two scans at once one wins', async () => {
  const made = await generate(world.app, ADMIN, order('t-race'))
  const both = await Promise.allSettled([
    validate(world.app, made.token, 'hotel-1', undefined),
    validate(world.app, made.token, 'hotel-1', undefined),
  ])
  assert.deepEqual(both.map((r) => r.status).sort(), ['fulfilled', 'rejected'])
})
test('a token of another hotel is refused and stays open', async () => {
  const made = await generate(world.app, ADMIN, order('t-hotel'))
  await assert.rejects(validate(world.app, made.token, 'hotel-2', undefined), refused(403))
  assert.equal((await byId(world.app, 't-hotel')).isUsed, false)
})
test('a revoked token is refused', async () => {
  const made = await generate(world.app, ADMIN, order('t-revoked'))
  await revoke(world.app, ADMIN, 't-revoked')
  await assert.rejects(validate(world.app, made.token, 'hotel-1', undefined), refused(410))
})
test('the first revocation stands', async () => {
  await generate(world.app, ADMIN, order('t-first'))
  const first = await revoke(world.app, ADMIN, 't-first')
  const second = await revoke(world.app, { ...ADMIN, id: 'somebody' }, 't-first')
  assert.equal(second.revokedBy, 'user-admin')
  assert.deepEqual(second.revokedAt, first.revokedAt)
})
test('purging removes the row; again it is not found', async () => {
  await generate(world.app, ADMIN, order('t-purge'))
  await purge(world.app, 't-purge')
  await assert.rejects(purge(world.app, 't-purge'), refused(404))
})
test('a list is paged and counted', async () => {
  for (const id of ['p-1', 'p-2', 'p-3'])
    await generate(world.app, ADMIN, order(id, 'hotel-2', 'guest-2'))
  assert.equal((await list(world.app, 'hotel-2', 1, 2)).tokens.length, 2)
  const second = await list(world.app, 'hotel-2', 2, 2)
  assert.deepEqual([second.tokens.length, second.total], [1, 3])
})
test('a page after the last is empty but knows the total', async () => {
  assert.deepEqual(await list(world.app, 'hotel-2', 9, 2), { tokens: [], total: 3 })
})
test('statistics tell open from revoked', async () => {
  await revoke(world.app, ADMIN, 'p-1')
  assert.deepEqual(await stats(world.app, 'hotel-2'), {
    total: 3,
    active: 2,
    used: 0,
    revoked: 1,
    expired: 0,
  })
})
test('the gauge counts what can still be used', async () => {
  const active = await activeTokens(world.app)
  await revoke(world.app, ADMIN, 'p-2')
  assert.equal(await activeTokens(world.app), active - 1)
})
test('the self check names a missing table', async () => {
  assert.deepEqual(await missingTables(world.app.db, ['GuestStaffQRToken']), [])
  assert.deepEqual(await missingTables(world.app.db, ['Nowhere']), ['table Nowhere is missing'])
})
test('the log writes one JSON line for each entry', () => {
  const dir = mkdtempSync(join(tmpdir(), 'hotel-log-'))
  const file = join(dir, 'deep', 'app.log')
  openLog(file, { now: () => new Date(0) })('warn', 'something', { n: 1 })
  assert.deepEqual(JSON.parse(readFileSync(file, 'utf8')), {
    time: '1970-01-01T00:00:00.000Z',
    level: 'warn',
    message: 'something',
    n: 1,
  })
  rmSync(dir, { recursive: true })
})
test('a release knows itself by the file the build wrote', () => {
  const dir = mkdtempSync(join(tmpdir(), 'hotel-release-'))
  const file = join(dir, 'release.json')
  assert.equal(readRelease(pathToFileURL(file), {}).version, 'source')
  writeFileSync(file, '{"version":"9.9.9","tables":["A"]}')
  assert.deepEqual(readRelease(pathToFileURL(file), { tables: [] }), {
    version: '9.9.9',
    tables: ['A'],
  })
  rmSync(dir, { recursive: true })
})
test('when time has passed a token is expired', async () => {
  const made = await generate(world.app, ADMIN, order('t-old'))
  world.later(61)
  await assert.rejects(validate(world.app, made.token, 'hotel-1', undefined), refused(410))
})
