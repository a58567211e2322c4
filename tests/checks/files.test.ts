import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { askAll, rowsOf, type Cases, type Told } from './library.ts'

const folder = mkdtempSync(join(tmpdir(), 'checks-'))
const at = (path: string) => join(folder, path)

/** A file that was written so many days ago. */
function written(path: string, days = 0, content = 'content'): void {
  mkdirSync(dirname(at(path)), { recursive: true })
  writeFileSync(at(path), content)
  const time = Date.now() / 1000 - days * 86_400
  utimesSync(at(path), time, time)
}
for (let day = 0.5; day < 31; day += 1) {
  written(`daily/${day}.dump`, day)
  if (day !== 7.5) written(`gap/${day}.dump`, day)
  written(`hollow/${day}.dump`, day, day === 7.5 ? '' : 'content')
}
written('young/a.dump', 0.02)
written('bundle/index-1.js', 0, 'a'.repeat(300_000))
written('bundle/vendor-1.js', 0, 'a'.repeat(400_000))
mkdirSync(at('empty'))

const git = (...args: string[]) =>
  execFileSync(
    'git',
    ['-C', at('repository'), '-c', 'user.name=x', '-c', 'user.email=x@x', ...args],
    {
      encoding: 'utf8',
    },
  ).trim()
mkdirSync(at('repository'))
git('init', '-q')
written('repository/.gitignore', 0, '.env.*\n')
written('repository/.env.tracked')
written('repository/.env.production')
git('add', '.gitignore')
git('add', '--force', '.env.tracked')
git('commit', '-q', '-m', 'first')
git('rm', '-q', '--cached', '.env.tracked')
git('commit', '-q', '-m', 'second')
written('repository/.env.tracked')
const commit = git('rev-parse', 'HEAD')
git('worktree', 'add', '-q', at('changed'), 'HEAD~1')
written('changed/.gitignore', 0, '')
const first = git('rev-parse', 'HEAD~1')
const repository = at('repository')
const changed = at('changed')

const pino = (more: object) =>
  `${JSON.stringify({ level: 30, time: 1767348000000, msg: 'login', requestId: 'a', ...more })}\n`
const winston = `${JSON.stringify({ level: 'info', timestamp: '2026-01-02T10:00:00Z', message: 'up' })}\n`

const cases: Cases = {
  'backup-age': {
    holds: [
      [{ files: at('young/*.dump'), within_hours: 1 }],
      [
        {
          files: `${at('daily/*.dump')} ${at('young/*.dump')}`,
          within_hours: 1,
          at_least_bytes: 7,
        },
      ],
      [{ files: at('young/a.dump') }],
    ],
    does_not_hold: [
      [{ files: at('daily/*.dump'), within_hours: 1 }],
      [{ files: at('young/*.dump'), at_least_bytes: 8 }],
      [{ files: at('young/*.sql') }],
    ],
    cannot_tell: [[{ files: at('nowhere/*.dump') }, { says: 'no folder' }]],
  },
  'backup-schedule': {
    holds: [
      [{ files: at('daily/*.dump'), removed_after_days: 30 }],
      [{ files: at('gap/*.dump'), covers_days: 6 }],
      [{ files: at('gap/*.dump'), every_hours: 48 }],
    ],
    does_not_hold: [
      [{ files: at('gap/*.dump') }],
      [{ files: at('hollow/*.dump') }],
      [{ files: at('daily/*.dump'), covers_days: 33 }],
      [{ files: at('daily/*.dump'), removed_after_days: 29 }],
      [{ files: at('daily/*.dump'), every_hours: 6 }],
      [{ files: at('empty/*') }],
    ],
    cannot_tell: [[{ files: at('nowhere/*.dump') }, { says: 'no folder' }]],
  },
  'file-size': {
    holds: [
      [{ file: at('young/a.dump') }],
      [{ file: at('young/a.dump'), at_least: 7, at_most: 7 }],
    ],
    does_not_hold: [
      [{ file: at('young/b.dump') }],
      [{ file: at('young/a.dump'), at_least: 8 }],
      [{ file: at('young/a.dump'), at_most: 6 }],
      [{ file: at('hollow/7.5.dump') }],
    ],
    cannot_tell: [
      [{ file: at('nowhere/a.dump') }, { says: 'no folder' }],
      [{ file: at('young') }, { says: 'no file' }],
    ],
  },
  'bundle-size': {
    holds: [
      [{ files: at('bundle/*.js'), at_most_kb: 700, each_kb: 400, names: 'vendor- index-' }],
      [{ files: at('bundle/**/*.js'), at_most_kb: 10, gzip: true }],
    ],
    does_not_hold: [
      [{ files: at('bundle/*.js'), at_most_kb: 699 }],
      [{ files: at('bundle/*.js'), at_most_kb: 800, each_kb: 399 }],
      [{ files: at('bundle/*.js'), at_most_kb: 800, names: 'react-' }],
    ],
    cannot_tell: [
      [{ files: at('bundle/*.css'), at_most_kb: 800 }, { says: 'was it built' }],
      [{ files: at('dist/*.js'), at_most_kb: 800 }, { says: 'no folder' }],
    ],
  },
  'git-commit': {
    holds: [
      [{ commit, folder: repository }],
      [{ commit: commit.slice(0, 7).toUpperCase(), folder: repository }],
      [{ commit: first, folder: changed, clean: false }],
    ],
    does_not_hold: [
      [{ commit: first, folder: repository }],
      [{ commit: commit.slice(0, 6), folder: repository }],
      [{ commit: first, folder: changed }],
    ],
    cannot_tell: [[{ commit, folder: at('empty') }], [{ commit, folder: at('nowhere') }]],
  },
  'git-ignored': {
    holds: [
      [{ files: '.env.production', folder: repository, never_committed: true }],
      [{ files: '.env.production .env.tracked .env.none', folder: repository }],
    ],
    does_not_hold: [
      [{ files: '.env.production .gitignore', folder: repository }],
      [{ files: '.env.tracked', folder: changed }],
      [{ files: '.env.tracked', folder: repository, never_committed: true }],
      [{ files: ' ', folder: repository }],
    ],
    cannot_tell: [
      [{ files: '.env', folder: at('empty') }],
      [{ files: '../.env', folder: repository }],
    ],
  },
  'structured-logs': {
    holds: [
      [{ file: 'pino.log', keys: 'requestId' }],
      [{ file: 'winston.log' }],
      [{ file: 'debug.log', lowest: 'debug' }],
      [{ file: 'mixed.log', lines: 1 }],
    ],
    does_not_hold: [
      [{ file: 'mixed.log' }],
      [{ file: 'winston.log', keys: 'requestId' }],
      [{ file: 'debug.log' }],
      [{ file: 'open.log' }],
      [{ file: 'bare.log' }],
    ],
    cannot_tell: [
      [{ file: 'none.log' }, { says: 'ENOENT' }],
      [{ file: 'empty.log' }, { says: 'empty' }],
    ],
  },
  'cpu-below': {
    holds: [[{ percent: 100.1, over_s: 0.2 }]],
    does_not_hold: [[{ percent: 0, over_s: 0.2 }]],
    cannot_tell: [[{ over_s: 60 }, { timeout: '1s', says: 'in time' }]],
  },
  'memory-below': {
    holds: [[{ percent: 100.1 }], [{ file: 'meminfo', percent: 75.1 }]],
    does_not_hold: [[{ percent: 0 }], [{ file: 'meminfo', percent: 75 }]],
    cannot_tell: [
      [{ file: '/proc/none' }, { says: 'ENOENT' }],
      [{ file: 'pino.log' }, { says: 'no figures' }],
    ],
  },
  'disk-below': {
    holds: [[{ percent: 100.1 }], [{ percent: 100.1, path: '.', free_mb: 1 }]],
    does_not_hold: [[{ percent: 0 }], [{ percent: 100.1, free_mb: 1_000_000_000 }]],
    cannot_tell: [
      [{ path: '/nowhere' }, { says: 'ENOENT' }],
      [{ path: '/proc' }, { says: 'no disk' }],
    ],
  },
}

let told: Map<string, Told>
beforeAll(async () => {
  told = await askAll(cases, {
    files: {
      'pino.log': pino({ password: '[REDACTED]', user: { token: '***', name: 'x' } }),
      'winston.log': winston,
      'debug.log': pino({ level: 20 }),
      'mixed.log': `listening on 3000\n${winston}`,
      'open.log': pino({ user: { password: 'in the open' } }),
      'bare.log': '{"message":"up"}\n',
      'empty.log': '\n',
      meminfo: 'MemTotal:        8000 kB\nMemFree:  100 kB\nMemAvailable:    2000 kB\n',
    },
  })
}, 240_000)
afterAll(() => {
  rmSync(folder, { recursive: true })
})

test.each(rowsOf(cases))('$name', ({ name, answer, given: [, { says = '' } = {}] }) => {
  const found = told.get(name)
  expect(found, JSON.stringify(found)).toMatchObject({ answer })
  expect(found?.reason ?? '').toContain(says)
})
