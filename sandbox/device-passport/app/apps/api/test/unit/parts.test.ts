import assert from 'node:assert/strict'
import { test } from 'node:test'
import { codeOf, readCode } from '../../../../packages/shared/src/passport.ts'
import { readConfig, seconds } from '../../src/config.ts'
import { apiMetrics } from '../../src/metrics.ts'
import { keep, refuseWeak, same } from '../../src/passwords.ts'
import { memoryStore } from '../../src/store.ts'

const ENV = {
  DATABASE_URL: 'postgresql://app@db/passport',
  JWT_SECRET: 'a'.repeat(32),
  JWT_REFRESH_SECRET: 'b'.repeat(32),
}

test('config: fifteen minutes and seven days', () => {
  const { accessSeconds, refreshSeconds } = readConfig(ENV)
  assert.deepEqual([accessSeconds, refreshSeconds], [900, 604_800])
})
test('config: a time without a unit is refused', () =>
  assert.throws(() => seconds('15', 'JWT_EXPIRES_IN'), /JWT_EXPIRES_IN/))
test('config: a short secret is refused, without showing it', () =>
  assert.throws(
    () => readConfig({ ...ENV, JWT_SECRET: 'short-one' }),
    (e) => e instanceof Error && !e.message.includes('short-one'),
  ))
test('config: one secret for both tokens is refused', () =>
  assert.throws(() => readConfig({ ...ENV, JWT_REFRESH_SECRET: ENV.JWT_SECRET }), /JWT_REFRESH/))
test('config: any origin is refused', () =>
  assert.throws(() => readConfig({ ...ENV, CORS_ORIGIN: '*' }), /CORS_ORIGIN/))
test('config: a database is needed', () =>
  assert.throws(() => readConfig({ ...ENV, DATABASE_URL: '' }), /DATABASE_URL/))
test('config: Redis wants its password', () =>
  assert.throws(() => readConfig({ ...ENV, REDIS_URL: 'rediss://cache' }), /REDIS_PASSWORD/))
test('passport: a code is read as it was made', () => {
  const passport = { maker: 'ACM', year: 2025, number: 1 }
  assert.deepEqual(readCode(codeOf(passport)), passport)
})
test('passport: a wrong check character is noticed', () => {
  const code = codeOf({ maker: 'ACM', year: 2025, number: 1 })
  const last = code.endsWith('A') ? 'B' : 'A'
  assert.equal(readCode(code.slice(0, -1) + last), undefined)
})
test('passport: what is no code is none', () => assert.equal(readCode('DP-1'), undefined))
test('passwords: seven characters are too few', () => assert.throws(() => refuseWeak('short12')))
test('passwords: what bcrypt would cut is refused', () =>
  assert.throws(() => refuseWeak('x'.repeat(73))))
test('passwords: eight characters will do', () => assert.doesNotThrow(() => refuseWeak('short123')))
test('passwords: kept as bcrypt, and known again', async () => {
  const kept = await keep('Test-123', 4)
  assert.match(kept, /^\$2[aby]\$04\$/)
  assert.deepEqual([await same('Test-123', kept), await same('Test-124', kept)], [true, false])
})
test('store: what is over is gone', async () => {
  let at = 0
  const store = memoryStore(() => new Date(at))
  await store.set('a', '1', 10)
  assert.equal(await store.get('a'), '1')
  at = 10_000
  assert.equal(await store.get('a'), undefined)
})
test('store: what is taken is gone', async () => {
  const store = memoryStore(() => new Date())
  await store.set('a', '1', 10)
  assert.deepEqual([await store.take('a'), await store.take('a')], ['1', undefined])
})
test('metrics: hits of the cache, in figures and in words', async () => {
  const metrics = apiMetrics(() => Promise.resolve(3))
  metrics.cached(true)
  metrics.cached(false)
  metrics.observe(0.01, true)
  const { cache_hit_rate, error_rate } = await metrics.figures()
  assert.deepEqual([cache_hit_rate, error_rate], [0.5, 1])
  assert.match(await metrics.text(), /^database_connections 3$/m)
})
