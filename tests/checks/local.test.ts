import { spawn } from 'node:child_process'
import { beforeAll, expect, test } from 'vitest'
import { askAll, rowsOf, type Cases, type Told } from './library.ts'

const SECRET = 'k7Qz0vN3xR9bT1mW5yH8cJ2dL6fP4sGa'
const OTHER = 'p2Lw8cX4vB6nM0qZ1rT5yU9iO3aS7dFg'
const strong = '${{ inputs.secret }}'
const env = `
# comment
export NODE_ENV=production
PORT=3000
JWT_SECRET="${SECRET}"
JWT_EXPIRES_IN=15m
MAX_FILE_SIZE=10485760  # 10MB in bytes
BCRYPT_ROUNDS=12
DATABASE_URL=postgres://app:${OTHER}@db.example.com:6000/hotel
REDIS_URL=redis://cache.example.com:6379
CORS_ORIGIN=https://a.example.com,https://b.example.com
VITE_WS_URL=wss://api.example.com
DATABASE_SSL=true
SMTP_USER=mail@example.com
WEAK=your-super-secret-key-minimum-32-characters
SAME=${SECRET}
ANY=https://a.example.com,*
`
const all =
  'NODE_ENV:=production PORT:port JWT_SECRET:strong JWT_SECRET:secret JWT_EXPIRES_IN:duration MAX_FILE_SIZE:integer ' +
  'BCRYPT_ROUNDS:>=12 DATABASE_URL:postgres REDIS_URL:redis CORS_ORIGIN:origins VITE_WS_URL:wss DATABASE_SSL:boolean ' +
  'SMTP_USER:email NODE_ENV:staging|production BCRYPT_ROUNDS:<=14 WEAK:text'
const file = 'app.env'

const VITEST = ' Test Files  3 passed (3)\n      Tests  26 passed (26)\n'
const JEST = 'Test Suites: 1 failed, 3 passed, 4 total\nTests:       26 passed, 26 total\n'
const COVERED = '----|---\nAll files |   90.1 |    80 |    95 |   88.5 |\n'
const PYTEST = '======= 26 passed, 1 skipped in 0.42s =======\n'
const PYTEST_COV = 'Name  Stmts  Miss  Cover\nTOTAL      120      6    95%\n'

const cases: Cases = {
  'env-complete': {
    holds: [[{ file, expects: all }]],
    does_not_hold: [
      [{ file: 'none.env', expects: 'A:text' }],
      [{ file, expects: 'SENTRY_DSN:url' }],
      [{ file, expects: 'WEAK:strong' }],
      [{ file, expects: 'BCRYPT_ROUNDS:>=13' }],
      [{ file, expects: 'ANY:origins' }],
      [{ file, expects: 'NODE_ENV:staging|test' }],
      [{ file, expects: 'PORT:=300' }],
      [{ file: 'twice.env', expects: 'A:text' }],
      [
        {
          file,
          expects: 'DATABASE_URL:postgres',
          database: 'postgres://other@db.example.com/hotel',
        },
      ],
    ],
    cannot_tell: [
      [{ file, expects: 'PORT:prot' }, { says: 'not NAME:form' }],
      [{ file: '.', expects: 'PORT:port' }, { says: 'EISDIR' }],
    ],
  },
  'secret-strength': {
    holds: [
      [{ value: strong }],
      [{ value: 'b8d3f0c1a69e47d25f8b13c07ea4926db8d3f0c1a69e47d25f8b13c07ea4926d', bits: 256 }],
      [{ value: 'mT3vQ8zL0xR5nB1cW7yK2dH9fJ4gP6sAeU0iO3aV5bN', bits: 256 }],
    ],
    does_not_hold: [
      [{ value: 'short' }],
      [{ value: strong, at_least: 33 }],
      [{ value: strong, bits: 256 }],
      [{ value: 'your-super-secret-key-minimum-32-characters' }],
      [{ value: 'abcdefghabcdefghabcdefghabcdefgh' }],
      [{ value: 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab' }],
    ],
    cannot_tell: [[{ value: strong }, { timeout: '1ms', says: 'in time' }]],
  },
  'secrets-distinct': {
    holds: [
      [{ file, names: 'JWT_SECRET DATABASE_URL WEAK' }],
      [{ values: `${strong} \${{ inputs.other }}` }],
      [{ file, names: 'JWT_SECRET', other_file: 'staging.env' }],
    ],
    does_not_hold: [
      [{ file, names: 'JWT_SECRET SAME' }],
      [{ file, names: 'JWT_SECRET WEAK MISSING' }],
      [{ values: `\${{ inputs.other }} postgres://app:${OTHER}@h/d` }],
      [{ file, names: 'WEAK', other_file: 'staging.env' }],
    ],
    cannot_tell: [
      [{ file: 'none.env', names: 'A B' }, { says: 'ENOENT' }],
      [{ file, names: 'JWT_SECRET' }, { says: 'no two secrets' }],
    ],
  },
  'secret-not-shown': {
    holds: [[{ value: '${{ inputs.other }}', files: 'clean.log logs/*.log' }]],
    does_not_hold: [
      [{ value: strong, files: 'logs/*.log', processes: false }],
      [{ value: '${{ inputs.shown }}', files: 'clean.log' }],
    ],
    cannot_tell: [
      [{ value: strong, files: 'none.log' }, { says: 'there is no file' }],
      [{ value: 'abc', files: 'clean.log' }, { says: 'short' }],
    ],
  },
  'tests-passed': {
    holds: [
      [{ output: '# pass 26\n# fail 0', at_least: 26 }],
      [{ output: VITEST + COVERED, at_least: 26, coverage: 85 }],
      [{ output: '\u001b[1mTests: \u001b[22m 2 skipped, 26 passed, 28 total', at_least: 26 }],
      [{ output: `@hotel/api:test: ${VITEST.split('\n')[1]?.trim()}`, at_least: 26 }],
      [{ output: PYTEST, at_least: 26 }],
      [{ file: 'pytest.txt', at_least: 26, coverage: 95 }],
    ],
    does_not_hold: [
      [{ output: '# pass 25\n# fail 0', at_least: 26 }],
      [{ output: '# pass 26\n# fail 0\n# cancelled 1', at_least: 26 }],
      [{ output: 'Tests  1 failed | 26 passed (27)', at_least: 26 }],
      [{ output: JEST }],
      [{ output: VITEST + COVERED, coverage: 89 }],
      [{ output: '== 26 passed, 1 error in 1.20s ==' }],
      [{ output: '2 failed, 26 passed in 61.20s (0:01:01)' }],
      [{ output: PYTEST + PYTEST_COV, coverage: 96 }],
    ],
    cannot_tell: [
      [{ output: 'Segmentation fault' }, { says: 'no counts' }],
      [{ output: 'no tests ran in 0.01s' }, { says: 'no counts' }],
      [{ output: VITEST, coverage: 80 }, { says: 'no coverage' }],
      [{ file: 'none.txt' }, { says: 'ENOENT' }],
    ],
  },
  'log-errors-since': {
    holds: [
      [{ file: 'logs/app.log', since: '2026-01-02T00:00:00Z' }],
      [{ file: 'logs/plain.log', since: '2026-01-02T00:00:00Z' }],
    ],
    does_not_hold: [
      [{ file: 'logs/app.log', since: '2026-01-01T00:00:00Z' }],
      [{ file: 'logs/plain.log', since: '2026-01-01T00:00:00Z' }],
    ],
    cannot_tell: [
      [{ file: 'none.log', since: '2026-01-01T00:00:00Z' }, { says: 'ENOENT' }],
      [{ file: 'logs/app.log', since: 'yesterday' }, { says: 'not a time' }],
    ],
  },
}

let told: Map<string, Told>
beforeAll(async () => {
  const SHOWN = 'shown-in-a-command-line'
  const shows = spawn('bash', ['-c', 'sleep 300; :', SHOWN], { detached: true, stdio: 'ignore' })
  try {
    told = await askAll(cases, {
      secrets: {
        secret: SECRET,
        other: OTHER,
        shown: SHOWN,
        database_url: `postgres://app:${OTHER}@db.example.com/hotel`,
      },
      files: {
        [file]: env,
        'twice.env': 'A=1\nA=2\n',
        'staging.env': `JWT_SECRET=${OTHER}\nWEAK=your-super-secret-key-minimum-32-characters\n`,
        'clean.log': 'nothing\n',
        'logs/app.log':
          '{"time":"2026-01-01T10:00:00Z","level":"error","msg":"down"}\n' +
          `{"time":1767348000000,"level":30,"msg":"${Buffer.from(SECRET).toString('base64')}"}\n`,
        'logs/plain.log':
          '2026-01-01 10:00:00 ERROR down\n  at line 3: FATAL\n2026-01-02 10:00:00 INFO up\n',
        'pytest.txt': PYTEST_COV + PYTEST,
      },
    })
  } finally {
    if (shows.pid !== undefined) process.kill(-shows.pid)
  }
}, 240_000)

test.each(rowsOf(cases))('$name', ({ name, answer, given: [, { says = '' } = {}] }) => {
  const found = told.get(name)
  expect(found, JSON.stringify(found)).toMatchObject({ answer })
  expect(found?.reason ?? '').toContain(says)
})
