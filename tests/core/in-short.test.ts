import { expect, test } from 'vitest'
import { actionInShort, gist } from '../../src/core/in-short.ts'
import type { Action } from '../../src/core/runbook.ts'

const run = (script: string): Action => ({ verb: 'run', script, leaves_processes: false })
const sql = (...statements: string[]): Action => ({
  verb: 'sql',
  statements: statements.map((statement) => ({ statement })),
  database: '',
  transaction: true,
})

test.each<[Action, string, string]>([
  [run('# Expected: 3 rows\n\n  test -e a\n'), 'test -e a', 'run: test -e a'],
  [run('cd app\n# now\nmake\nmake install'), 'cd app', 'run: cd app (and 2 more lines)'],
  [run('# only this'), '# only this', 'run: # only this'],
  [
    { verb: 'run', argv: ['npm', 'run', 'a\nb'], leaves_processes: false },
    'npm run a b',
    'run: npm run a b',
  ],
  [
    sql('-- who is there\nSELECT a,\n  b FROM c', 'SELECT 2'),
    'SELECT a, b FROM c',
    'sql: SELECT a, b FROM c (and 1 more)',
  ],
  [{ verb: 'script', file: 'scripts/a.mjs', args: {} }, 'scripts/a.mjs', 'script: scripts/a.mjs'],
  [
    { verb: 'manual', role: 'dba', ask: 'Look\n  twice', confirm: [] },
    'dba: Look twice',
    'dba: Look twice',
  ],
])('%j in a few words', (action, about, whole) => {
  expect([gist(action), actionInShort(action)]).toEqual([about, whole])
})
