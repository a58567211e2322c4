// The validation suite. It is written for staging and made fit for production:
// its one account is its own and goes again, and it passes by the maintenance page.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, test } from 'node:test'
import pg from 'pg'
import { ask, expectStatus, remove } from '../../scripts/client.ts'

const id = `${process.env['RUNBOOK_RUN_ID'] ?? 'by-hand'}-validation`
const email = `trial-${id}@lockr.example`
const password = randomBytes(18).toString('base64url')
const db = new pg.Client({ connectionString: process.env['DATABASE_URL'] })
let session = ''

before(async () => {
  await db.connect()
  await remove(id)
  await expectStatus(201, ask('POST', '/api/signup', { id, email, password }))
  const json = await expectStatus(200, ask('POST', '/api/login', { email, password }))
  session = String(json['session'])
})
after(async () => {
  await remove(id)
  await db.end()
})

test('it is healthy and names its key', async () => {
  const { status, json } = await ask('GET', '/health')
  assert.equal(status, 200)
  assert.equal(json['status'], 'ok')
  assert.match(String(json['key_id']), /^[0-9a-f]{8}$/)
})
test('everybody else has to wait, with and without a credential', async () => {
  const { json: health } = await ask('GET', '/health')
  const status = health['maintenance'] === true ? 503 : 200
  await expectStatus(status, ask('GET', '/api/items', undefined, { session, waits: true }))
  const login = await ask('POST', '/api/login', { email, password }, { waits: true })
  assert.equal(login.status, status)
})
test('what is not sealed does not get into a column for what is', async () => {
  await assert.rejects(
    db.query('UPDATE users SET encrypted_phone_number = $2 WHERE id = $1', [id, '+39000999000']),
    /users_encrypted_phone_number_form/,
  )
})
test('a wrong password and an unknown address get the same answer', async () => {
  const wrong = await ask('POST', '/api/login', { email, password: 'not-the-password' })
  const unknown = await ask('POST', '/api/login', { email: 'nobody@lockr.example', password })
  assert.deepEqual([wrong.status, wrong.json], [401, unknown.json])
})
test('a short password is refused', async () => {
  const { status } = await ask('POST', '/api/signup', { email: `x-${email}`, password: 'short' })
  assert.equal(status, 400)
})
test('a forged ticket is refused', async () => {
  const forged = { ticket: 'a.b.c', code: '000000' }
  assert.equal((await ask('POST', '/api/login/second-factor', forged)).status, 401)
})
test('the vault wants a session', async () => {
  assert.equal((await ask('GET', '/api/items')).status, 401)
  assert.equal((await ask('GET', '/api/items', undefined, { session })).status, 200)
})
test('only the administrator removes accounts', async () => {
  const { status } = await ask('DELETE', `/api/users/${id}`, undefined, { session })
  assert.equal(status, 401)
})
test('the metrics tell of logins, errors, statements and time', async () => {
  const { json } = await ask('GET', '/metrics.json')
  for (const name of ['requests', 'logins', 'second_factor', 'duration_ms', 'database'])
    assert.ok(name in json, name)
  assert.equal(json['cannot_open'], 0)
})
test('an unknown route is 404', async () =>
  assert.equal((await ask('GET', '/api/nothing')).status, 404))
