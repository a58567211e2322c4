import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Refusal } from '../../../../shared/kit/http.ts'
import { given, localIdBody, roleBody } from '../../src/admin.ts'
import { openLogger } from '../../src/log.ts'
import { backendMetrics } from '../../src/metrics.ts'
import { claims, shown } from '../../src/profile.ts'
import { reasonOf } from '../../src/providers.ts'

const user = {
  id: 'one',
  email: 'a@clinic.example',
  role: 'guest',
  provider: 'google',
  localId: 'VNW001',
}
const refused = (error: unknown): boolean => error instanceof Refusal && error.status === 422

test('a token tells role, localId and provider', () =>
  assert.deepEqual(claims(user), {
    email: user.email,
    role: 'guest',
    localId: 'VNW001',
    provider: 'google',
  }))
test('an answer shows the user, and no more columns than those', () =>
  assert.deepEqual(shown({ ...user, ...{ subject: '12345' } }), user))
test('a localId is letters, digits and dashes', () =>
  assert.deepEqual(given(localIdBody, { localId: 'VNW-001' }), { localId: 'VNW-001' }))
test('a localId can be taken away', () =>
  assert.deepEqual(given(localIdBody, { localId: null }), { localId: null }))
for (const [what, body] of Object.entries({
  'an empty localId': { localId: '' },
  'a localId of 51 characters': { localId: 'x'.repeat(51) },
  'a localId with a blank': { localId: 'VNW 001' },
  'a body without localId': {},
  'a body with more than that': { localId: 'VNW001', role: 'admin' },
}))
  test(`${what} is refused`, () => assert.throws(() => given(localIdBody, body), refused))
test('a role that is none is refused, with the name of the field', () =>
  assert.throws(() => given(roleBody, { role: 'emperor' }), /^Error: role: /))
test('a log line is as Python writes it, and holds no secret', () => {
  const dir = mkdtempSync(join(tmpdir(), 'log-'))
  try {
    const file = join(dir, 'app.log')
    const log = openLogger(file, () => new Date(2025, 8, 1, 8, 0, 0, 7))('app.auth')
    log('warn', 'one\ntwo', { user: 'a', client_secret: 'hidden' })
    const line =
      '2025-09-01 08:00:00,007 WARNING app.auth: one two user="a" client_secret=[redacted]\n'
    assert.equal(readFileSync(file, 'utf8'), line)
  } finally {
    rmSync(dir, { recursive: true })
  }
})
test('figures have no rate while there was nothing', () =>
  assert.deepEqual(backendMetrics(10).figures()['logins'], { attempts: 0, failed: 0 }))
test('figures tell the part of logins that succeeded', () => {
  const metrics = backendMetrics(10)
  for (const good of [true, true, true, false]) metrics.login('google', good)
  const { success_rate: rate } = metrics.figures()['logins'] as Record<string, number>
  assert.equal(rate, 0.75)
})
test('requests are counted by their status', async () => {
  const metrics = backendMetrics(10)
  for (const status of [200, 200, 500]) metrics.observe(0.01, status)
  const text = await metrics.text()
  assert.match(text, /http_requests_total\{status="200"\} 2\n/)
  assert.match(text, /http_requests_total\{status="500"\} 1\n/)
})
test('what a provider says is wrong is told in its word, also where it said so with 200', () => {
  const body = { error: 'incorrect_client_credentials' }
  const github = new Error('no token', { cause: new Error('no text', { cause: { body } }) })
  const google = Object.assign(new Error('server responded with an error'), {
    error: 'invalid_client',
  })
  assert.deepEqual([github, google, new Error('no answer')].map(reasonOf), [
    'incorrect_client_credentials',
    'invalid_client',
    'no answer',
  ])
})
