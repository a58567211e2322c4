import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readConfig } from '../../src/config.ts'

const ENV = {
  POSTGRES_HOST: 'db',
  POSTGRES_USER: 'prosight',
  POSTGRES_PASSWORD: 'p@ss/word',
  POSTGRES_DB: 'prosight',
  GOOGLE_CLIENT_ID: 'google-id',
  GOOGLE_CLIENT_SECRET: 'google-secret-of-16',
  GITHUB_CLIENT_ID: 'github-id',
  GITHUB_CLIENT_SECRET: 'github-secret-of-16',
  SECRET_KEY: 'x'.repeat(32),
  PUBLIC_URL: 'https://api.clinic.example/',
}

test('the address of the database is put together, with its password encoded', () =>
  assert.equal(readConfig(ENV).databaseUrl, 'postgresql://prosight:p%40ss%2Fword@db:5432/prosight'))
test('a token is good for a day where nothing else is said', () =>
  assert.equal(readConfig(ENV).accessMinutes, 1440))
test('the minutes of a token can be set', () =>
  assert.equal(readConfig({ ...ENV, ACCESS_TOKEN_EXPIRE_MINUTES: '15' }).accessMinutes, 15))
test('minutes that are no number are refused', () =>
  assert.throws(
    () => readConfig({ ...ENV, ACCESS_TOKEN_EXPIRE_MINUTES: 'a day' }),
    /ACCESS_TOKEN_EXPIRE_MINUTES/,
  ))
test('a short signing key is refused, without showing it', () =>
  assert.throws(
    () => readConfig({ ...ENV, SECRET_KEY: 'short-one' }),
    (e) => e instanceof Error && /SECRET_KEY/.test(e.message) && !e.message.includes('short-one'),
  ))
for (const name of ['GOOGLE_CLIENT_ID', 'GITHUB_CLIENT_ID'])
  test(`${name} is needed`, () =>
    assert.throws(() => readConfig({ ...ENV, [name]: '' }), new RegExp(`${name} is not set`)))
test('the providers are the real ones where nothing else is said', () => {
  const { google, github } = readConfig(ENV)
  assert.deepEqual(
    [google.issuer, github.url, github.api],
    ['https://accounts.google.com', 'https://github.com', 'https://api.github.com'],
  )
})
test('the own address has no slash at its end', () =>
  assert.equal(readConfig(ENV).publicUrl, 'https://api.clinic.example'))
