import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readConfig, seconds } from '../../src/config.ts'
import { isWeaker, keep, refuseWeak, same } from '../../src/passwords.ts'

const ENV = {
  DB_HOST: 'db',
  DB_USERNAME: 'tickr_app',
  DB_PASSWORD: 'p@ss/word',
  DB_NAME: 'tickr',
  JWT_SECRET: 'x'.repeat(32),
}

test('config: the address of the database is put together, with its password encoded', () =>
  assert.equal(readConfig(ENV).databaseUrl, 'postgresql://tickr_app:p%40ss%2Fword@db:5432/tickr'))
test('config: the replica is read from where one is named', () => {
  assert.equal(readConfig({ ...ENV, DB_READ_HOST: '' }).readUrl, undefined)
  const { readUrl = '' } = readConfig({ ...ENV, DB_READ_HOST: 'replica' })
  assert.deepEqual([new URL(readUrl).host, new URL(readUrl).pathname], ['replica:5432', '/tickr'])
})
test('config: fifteen minutes and seven days', () => {
  const { accessSeconds, refreshSeconds } = readConfig(ENV)
  assert.deepEqual([accessSeconds, refreshSeconds], [900, 604_800])
})
test('config: a short signing secret is refused, without showing it', () => {
  assert.throws(
    () => readConfig({ ...ENV, JWT_SECRET: 'secret-one' }),
    (e) => e instanceof Error && !e.message.includes('secret-one'),
  )
})
test('config: a time without a unit is refused', () =>
  assert.throws(() => seconds('15', 'JWT_ACCESS_EXPIRATION'), /JWT_ACCESS_EXPIRATION/))
test('config: rounds are bounded', () =>
  assert.throws(() => readConfig({ ...ENV, BCRYPT_ROUNDS: '40' }), /BCRYPT_ROUNDS/))
for (const weak of [
  'Ab1!',
  'alllower1!',
  'ALLUPPER1!',
  'NoDigits!!',
  'NoOthers11',
  `Aa1!${'x'.repeat(70)}`,
])
  test(`passwords: ${weak.slice(0, 12)} is refused`, () => assert.throws(() => refuseWeak(weak)))
test('passwords: one that is strong enough is taken', () =>
  assert.doesNotThrow(() => refuseWeak('Test123!')))
test('passwords: kept as bcrypt, and known again', async () => {
  const kept = await keep('Test123!', 4)
  assert.match(kept, /^\$2[aby]\$04\$/)
  assert.equal(await same('Test123!', kept), true)
  assert.equal(await same('Test123?', kept), false)
})
test('passwords: fewer rounds than now are seen', async () =>
  assert.deepEqual(
    [isWeaker(await keep('a', 4), 5), isWeaker(await keep('a', 5), 5)],
    [true, false],
  ))
