import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readConfig } from '../../src/config.ts'
import { Refusal, cookie, escapeHtml, findRoute, matchPath } from '../../../../shared/kit/http.ts'
import {
  email,
  fields,
  flagParam,
  oneOf,
  optionalId,
  text,
  wholeParam,
} from '../../../../shared/kit/input.ts'
import { makeLimiter } from '../../../../shared/kit/limits.ts'
import { hotelMetrics } from '../../src/metrics.ts'

const SECRET = 'x'.repeat(40)
const ENV = { DATABASE_URL: 'postgresql://db/hotel', ADMIN_TOKEN: SECRET, NEXTAUTH_SECRET: SECRET }
const refusal = (status: number) => (error: unknown) =>
  error instanceof Refusal && error.status === status

test('config: the defaults are 60 minutes and 24 hours', () => {
  const config = readConfig(ENV)
  assert.equal(config.tokenMinutes, 60)
  assert.equal(config.sessionHours, 24)
})
test('config: a missing database is named', () =>
  assert.throws(() => readConfig({ ...ENV, DATABASE_URL: '' }), /DATABASE_URL is not set/))
test('config: a short secret is refused, without showing it', () => {
  assert.throws(
    () => readConfig({ ...ENV, NEXTAUTH_SECRET: 'short-one' }),
    (e) => e instanceof Error && !e.message.includes('short-one'),
  )
})
test('config: an expiry that is no number is refused', () =>
  assert.throws(() => readConfig({ ...ENV, QR_TOKEN_EXPIRY: 'soon' }), /QR_TOKEN_EXPIRY/))
test('config: origins are a list', () =>
  assert.deepEqual(readConfig({ ...ENV, ALLOWED_ORIGINS: 'https://a, https://b' }).allowedOrigins, [
    'https://a',
    'https://b',
  ]))

test('path: a parameter is taken out and decoded', () =>
  assert.deepEqual(matchPath('/t/:id', '/t/a%20b'), { id: 'a b' }))
test('path: another length does not fit', () =>
  assert.equal(matchPath('/t/:id', '/t/a/b'), undefined))
test('path: an empty parameter does not fit', () =>
  assert.equal(matchPath('/t/:id', '/t/'), undefined))
test('path: bad encoding is 400', () =>
  assert.throws(() => matchPath('/t/:id', '/t/%zz'), refusal(400)))
const ROUTES = [
  { method: 'GET' as const, path: '/a', handle: () => Promise.resolve({ status: 200 }) },
]
test('route: an unknown path is 404', () =>
  assert.throws(() => findRoute(ROUTES, 'GET', '/b'), refusal(404)))
test('route: a known path with another method is 405', () =>
  assert.throws(() => findRoute(ROUTES, 'POST', '/a'), refusal(405)))
test('cookie: found among others', () =>
  assert.equal(cookie('a=1; session=xyz; b=2', 'session'), 'xyz'))
test('cookie: none is undefined', () => assert.equal(cookie(undefined, 'session'), undefined))
test('html: the five characters are escaped', () =>
  assert.equal(escapeHtml(`<&>"'`), '&lt;&amp;&gt;&quot;&#39;'))

test('input: an array is no object', () => assert.throws(() => fields([], ['a']), refusal(400)))
test('input: an unknown field is refused', () =>
  assert.throws(() => fields({ b: 1 }, ['a']), refusal(400)))
test('input: a number is no text', () => assert.throws(() => text({ a: 1 }, 'a'), refusal(400)))
test('input: a text that is too long is refused', () =>
  assert.throws(() => text({ a: 'abcd' }, 'a', 3), refusal(400)))
test('input: a NUL is refused', () => assert.throws(() => text({ a: 'a\0b' }, 'a'), refusal(400)))
test('input: an id may have dots and colons', () =>
  assert.equal(optionalId({ id: 'run.1:a-b_c' }, 'id'), 'run.1:a-b_c'))
test('input: an id with a slash is refused', () =>
  assert.throws(() => optionalId({ id: 'a/b' }, 'id'), refusal(400)))
test('input: a value outside the list is refused', () =>
  assert.throws(() => oneOf({ role: 'root' }, 'role', ['guest']), refusal(400)))
test('input: an address is lowered', () =>
  assert.equal(email({ e: 'A@B.Example' }, 'e'), 'a@b.example'))
test('input: text without an at sign is no address', () =>
  assert.throws(() => email({ e: 'nobody' }, 'e'), refusal(400)))
test('input: a page of zero is refused', () =>
  assert.throws(() => wholeParam(new URLSearchParams('page=0'), 'page', 1, 1, 9), refusal(400)))
test('input: a missing page is the default', () =>
  assert.equal(wholeParam(new URLSearchParams(), 'page', 3, 1, 9), 3))
test('input: a flag is true or false', () =>
  assert.throws(() => flagParam(new URLSearchParams('stats=yes'), 'stats'), refusal(400)))

test('limit: the one after the last is refused, and the next window is free', () => {
  let at = 0
  const limiter = makeLimiter(2, 100, () => at)
  assert.deepEqual([limiter.take('k'), limiter.take('k'), limiter.take('k')], [true, true, false])
  at = 100
  assert.equal(limiter.take('k'), true)
})
test('limit: callers do not share', () => {
  const limiter = makeLimiter(1, 100, () => 0)
  assert.deepEqual([limiter.take('a'), limiter.take('b')], [true, true])
})

test('metrics: buckets are cumulative', async () => {
  const metrics = hotelMetrics(() => Promise.resolve(3))
  metrics.observe(0.02, false)
  metrics.observe(0.2, true)
  const page = await metrics.text()
  assert.match(page, /qr_api_duration_bucket\{le="0.025"\} 1\n/)
  assert.match(page, /qr_api_duration_bucket\{le="0.25"\} 2\n/)
  assert.match(page, /qr_tokens_active 3\n/)
})
test('metrics: the error rate is a share', async () => {
  const metrics = hotelMetrics(() => Promise.resolve(0))
  metrics.observe(0.01, true)
  metrics.observe(0.01, false)
  assert.equal((await metrics.json())['error_rate'], 0.5)
})
test('metrics: without the feature there is no gauge', async () =>
  assert.doesNotMatch(await hotelMetrics(undefined).text(), /qr_tokens/))
