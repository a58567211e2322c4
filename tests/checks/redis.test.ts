import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { askAll, rowsOf, type Case, type Cases, type Told } from './library.ts'
import { certificate } from './certificate.ts'
import { redis, startRedis, titled } from './redis-server.ts'

const PASSWORD = 'a/Redis password: with@everything'
const bare = { url: '${{ inputs.bare_url }}' }
const tls = { url: '${{ inputs.tls_url }}' }
const open = { url: '${{ inputs.open_url }}' }
const password = '${{ inputs.redis_password }}'
/** Nobody listens there. */
const gone = (more = {}): Case => [{ url: 'redis://127.0.0.1:1', ...more }, { says: 'refused' }]
/** It wants a password and gets none. */
const shut = (more = {}): Case => [{ ...bare, ...more }, { says: 'NOAUTH' }]
const ca = 'redis.crt'

const cases: Cases = {
  'redis-ping': {
    holds: [
      [{}],
      [{ ...bare, password }],
      [{ ...tls, password, ca }],
      [open],
      [{ url: '${{ inputs.user_url }}' }],
    ],
    does_not_hold: [[bare], [{ ...bare, password: 'wrong' }], [{ ...open, password: 'wrong' }]],
    cannot_tell: [
      gone(),
      [{ ...tls, password }, { says: 'certificate' }],
      [{ url: 'http://127.0.0.1:1' }, { says: 'not one of Redis' }],
    ],
  },
  'redis-password-required': {
    holds: [[{}], [bare], [{ ...tls, ca }]],
    does_not_hold: [[open]],
    cannot_tell: [gone()],
  },
  'redis-version': {
    holds: [[{ major: 6 }], [{ major: 3, minor: 90 }]],
    does_not_hold: [[{ major: 90 }], [{ major: 89, minor: 1 }]],
    cannot_tell: [gone({ major: 7 }), shut({ major: 7 })],
  },
  'redis-persistence': {
    holds: [
      [{}],
      [{ aof: true, within_minutes: 5 }],
      [{ rdb: false, aof: true }],
      [{ ...open, rdb: false }],
    ],
    does_not_hold: [[open], [{ ...open, rdb: false, aof: true }]],
    cannot_tell: [gone(), shut()],
  },
  'redis-memory': {
    holds: [[{}], [{ limit_mb: 256 }]],
    does_not_hold: [
      [{ limit_mb: 128 }],
      [{ policy: 'volatile-lru' }],
      [{ ...open, policy: 'noeviction' }],
    ],
    cannot_tell: [gone(), shut()],
  },
}

describe.skipIf(!redis)(titled('Redis'), () => {
  let told: Map<string, Told>
  beforeAll(async () => {
    const folder = mkdtempSync(join(tmpdir(), 'checks-'))
    const made = certificate(folder, 'redis')
    const settings = [`requirepass "${PASSWORD}"`, `user app on ">${PASSWORD}" +@all ~*`]
    const keeping = [
      'save 3600 1',
      'appendonly yes',
      'maxmemory 256mb',
      'maxmemory-policy allkeys-lru',
    ]
    const shutOne = await startRedis([...settings, ...keeping], made)
    const openOne = await startRedis(['save ""', 'appendonly no'])
    try {
      const at = `127.0.0.1:${shutOne.port}`
      const secret = encodeURIComponent(PASSWORD)
      told = await askAll(cases, {
        inputs: {
          bare_url: `redis://${at}`,
          tls_url: `rediss://127.0.0.1:${shutOne.tlsPort}`,
          open_url: `redis://127.0.0.1:${openOne.port}`,
        },
        secrets: {
          redis_url: `redis://:${secret}@${at}`,
          user_url: `redis://app:${secret}@${at}/1`,
          redis_password: PASSWORD,
        },
        files: { [ca]: readFileSync(made.cert, 'utf8') },
      })
    } finally {
      await shutOne.stop()
      await openOne.stop()
      rmSync(folder, { recursive: true })
    }
  }, 240_000)

  test.each(rowsOf(cases))('$name', ({ name, answer, given: [, { says = '' } = {}] }) => {
    const found = told.get(name)
    expect(found, JSON.stringify(found)).toMatchObject({ answer })
    expect(found?.reason ?? '').toContain(says)
  })
})
