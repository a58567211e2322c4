import { randomBytes } from 'node:crypto'
import { connect as dial, createServer, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sql } from '../../src/actions/sql.ts'
import type { SqlSource } from '../../src/core/runbook.ts'
import { databaseAddress, pgEnvironment } from '../../src/lib/database-url.ts'
import { connect } from '../../src/lib/postgres.ts'
import { splitStatements } from '../../src/lib/sql-text.ts'
import { context } from './context.ts'
import { freePort, startServer } from './postgres-server.ts'

const password = `p@ss/${randomBytes(8).toString('hex')}?`
let server: Awaited<ReturnType<typeof startServer>>
let url: string

beforeAll(async () => {
  server = await startServer(password)
  url = server.url('postgres')
})
afterAll(() => server.stop())

const action = (statements: (string | SqlSource)[], transaction = true, database = url) => ({
  verb: 'sql' as const,
  statements: statements.map((one) => (typeof one === 'string' ? { statement: one } : one)),
  database,
  transaction,
})

async function rows(statement: string) {
  const { fields, problem } = await sql.perform(action([statement]), context())
  expect(problem).toBeUndefined()
  return fields.rows as Record<string, unknown>[]
}

test('values are ready for expressions', async () => {
  const [row] = await rows(`SELECT 1::int8 AS a, 9007199254740993::int8 AS b, 1.50::numeric AS c,
    '{"x": [1, 12345678901234567890]}'::jsonb AS d, '2024-05-01 10:00:00.5+02'::timestamptz AS e,
    '2024-05-01'::date AS f, true AS g, null AS h, '{1,2}'::int8[] AS i, count(*) AS j,
    '2024-05-01 10:00'::timestamp AS k`)
  expect(row).toEqual({
    a: 1,
    b: 9007199254740993n,
    c: 1.5,
    d: { x: [1, 12345678901234567890n] },
    e: expect.stringMatching(/^2024-05-01T\d\d:00:00\.5(Z|[+-]\d\d:\d\d)$/) as string,
    f: '2024-05-01',
    g: true,
    h: null,
    i: [1, 2],
    j: 1,
    k: '2024-05-01T10:00:00',
  })
})

test('the result has its rows, their count and the columns', async () => {
  const { fields } = await sql.perform(action(['SELECT 1 AS one, 2 AS two']), context())
  expect(fields).toMatchObject({
    rows: [{ one: 1, two: 2 }],
    row_count: 1,
    columns: ['one', 'two'],
  })
})

describe('a value is never SQL', () => {
  beforeAll(async () => {
    const database = await connect(url)
    await database.query({ text: 'CREATE TABLE notes (id int, text text)', values: [] })
    await database.close()
  })

  test.each([
    `'; DROP TABLE notes; --`,
    `' OR '1'='1`,
    `\\'; DROP TABLE notes; --`,
    `$1); DROP TABLE notes; --`,
    `$$; DROP TABLE notes; $$`,
    'E\\\\x27',
    `"; DROP TABLE notes`,
    '${{ inputs.id }}',
    'ʼ;𝕯 OR 1=1',
  ])('%s', async (text) => {
    const at = context({ id: 7, text })
    const insert = 'INSERT INTO notes VALUES (${{ inputs.id }}, ${{ inputs.text }}) RETURNING *'
    const { fields } = await sql.perform(action([insert]), at)
    expect(fields.rows).toEqual([{ id: 7, text }])
    const find = 'SELECT count(*) AS n FROM notes WHERE text = ${{ inputs.text }}'
    expect((await sql.perform(action([find]), at)).fields.rows).toEqual([{ n: 1 }])
  })

  test.each([
    ['a list', ['a', `b'`], 'SELECT ${{ inputs.x }}::text[] AS x', ['a', `b'`]],
    ['a map', { a: [1, `'`] }, 'SELECT ${{ inputs.x }}::jsonb AS x', { a: [1, `'`] }],
    ['a whole number', 12n, 'SELECT ${{ inputs.x }}::int8 AS x', 12],
    ['nothing', null, 'SELECT ${{ inputs.x }}::text AS x', null],
  ])('%s', async (_name, x, statement, expected) => {
    const { fields } = await sql.perform(action([statement]), context({ x }))
    expect(fields.rows).toEqual([{ x: expected }])
  })

  test('inside quotes it stays out, with the fix', async () => {
    const at = context({ x: 1 })
    const { problem } = await sql.perform(action([`SELECT '\${{ inputs.x }}'`]), at)
    expect(problem).toMatchObject({ kind: 'failed' })
    expect(problem?.message).toContain('without quotes around it')
  })
})

describe('a list is one transaction', () => {
  const broken = ['CREATE TABLE half (id int)', 'SELECT nonsense']

  test('whole or not at all', async () => {
    const { problem } = await sql.perform(action(broken), context())
    expect(problem).toMatchObject({ kind: 'failed' })
    expect(problem?.message).toContain('SQLSTATE 42703')
    expect(await rows(`SELECT to_regclass('half') AS t`)).toEqual([{ t: null }])
  })

  test('unless it opts out', async () => {
    await sql.perform(action(broken, false), context())
    expect(await rows(`SELECT to_regclass('half')::text AS t`)).toEqual([{ t: 'half' }])
  })

  test('opting out, a file may hold what no transaction may', async () => {
    const text = `CREATE TABLE big (id int); -- a ; comment
      CREATE INDEX CONCURRENTLY big_id ON big (id); VACUUM big; SELECT ';' AS x;`
    const at = context({}, { files: { 'a.sql': text } })
    const { fields, problem } = await sql.perform(action([{ file: 'a.sql' }], false), at)
    expect(problem).toBeUndefined()
    expect(fields.rows).toEqual([{ x: ';' }])
  })

  test('a file is sent as the plan holds it, and gives its last result', async () => {
    const at = context({}, { files: { 'a.sql': 'CREATE TABLE f (id int); SELECT 5 AS x;' } })
    expect((await sql.perform(action([{ file: 'a.sql' }]), at)).fields.rows).toEqual([{ x: 5 }])
  })
})

describe('refused, and nothing is changed for certain', () => {
  beforeAll(async () => {
    const database = await connect(url)
    await database.query({ text: 'CREATE TABLE taken (id int UNIQUE)', values: [] })
    await database.query({ text: 'INSERT INTO taken VALUES (1)', values: [] })
    await database.query({ text: 'CREATE TABLE doubles AS VALUES (1), (1)', values: [] })
    await database.query({ text: 'CREATE TABLE late (id int)', values: [] })
    const later = 'ALTER TABLE late ADD UNIQUE (id) DEFERRABLE INITIALLY DEFERRED'
    await database.query({ text: later, values: [] })
    const halves = `CREATE PROCEDURE halves() LANGUAGE plpgsql AS $$
      BEGIN INSERT INTO late VALUES (99); COMMIT; RAISE 'the second half'; END $$`
    await database.query({ text: halves, values: [] })
    const behind = `CREATE FUNCTION behind() RETURNS int LANGUAGE plpgsql AS $$
      BEGIN RAISE 'no answer' USING ERRCODE = 'HV000'; END $$`
    await database.query({ text: behind, values: [] })
    await database.close()
  })

  const file = (text: string) => ({ file: 'a.sql', text })
  const perform = async (what: (string | ReturnType<typeof file>)[], transaction = true) => {
    const files = Object.fromEntries(
      what.flatMap((one) => (typeof one === 'string' ? [] : [[one.file, one.text]])),
    )
    const statements = what.map((one) => (typeof one === 'string' ? one : { file: one.file }))
    return sql.perform(action(statements, transaction), context({ id: 1 }, { files }))
  }

  test.each([
    ['one statement', ['CREATE TABLE taken (id int)']],
    ['with a value', ['INSERT INTO taken VALUES (${{ inputs.id }})']],
    ['a list', ['CREATE TABLE fresh (id int)', 'CREATE TABLE taken (id int)']],
    [
      'a file',
      [file('CREATE TABLE fresh (id int); -- x\n(SELECT 1); CREATE TABLE taken (id int)')],
    ],
    ['no such column', ['SELECT nonsense FROM taken']],
    ['text that cannot be read', ['SELECT SELECT']],
    ['words of functions', [file('CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ COMMIT $$')]],
    ['given up by the server', [file(`SET statement_timeout = 50; SELECT pg_sleep(9)`)]],
  ])('%s', async (_name, what) => {
    const { problem, unchanged } = await perform(what)
    expect(problem).toMatchObject({ kind: 'failed' })
    expect(unchanged).toBe(true)
    expect(await rows(`SELECT to_regclass('fresh') AS t`)).toEqual([{ t: null }])
  })

  test.each([
    ['it ends the transaction itself', [file('CREATE TABLE a1 (id int); COMMIT; SELECT nonsense')]],
    ['it brings its own', [file('BEGIN; CREATE TABLE a2 (id int); END; SELECT nonsense')]],
    ['in a list', [file('CREATE TABLE a3 (id int); COMMIT'), 'SELECT nonsense']],
    [
      'after an odd end of a line',
      [file('CREATE TABLE a4 (id int); -- x\rCOMMIT; SELECT nonsense')],
    ],
    ['in quotes that a server may read otherwise', [`SELECT nonsense, 'a\\' || ';COMMIT;'`]],
    ['its own transactions', ['CREATE UNIQUE INDEX CONCURRENTLY twice ON doubles (column1)']],
    ['a procedure', ['CALL halves()']],
    ['a block', [`DO $$ BEGIN CREATE TABLE a5 (id int); COMMIT; RAISE 'x'; END $$`]],
    [
      'a sequence',
      [file(`CREATE SEQUENCE IF NOT EXISTS s; SELECT setval('s', 9); SELECT nonsense`)],
    ],
    ['refused at the end', ['INSERT INTO late VALUES (1), (1)', 'SELECT 1']],
    ['trouble of another server behind it', ['SELECT behind()']],
  ])('not certain: %s', async (_name, what) => {
    const { problem, unchanged } = await perform(what)
    expect(problem).toMatchObject({ kind: 'failed' })
    expect(unchanged).toBeUndefined()
  })

  test('not certain: without a transaction', async () => {
    const { problem, unchanged } = await perform(['SELECT nonsense'], false)
    expect(problem).toMatchObject({ kind: 'failed' })
    expect(unchanged).toBeUndefined()
  })

  test('what was not refused says nothing of it', async () => {
    expect(await perform(['SELECT 1'])).not.toHaveProperty('unchanged')
  })
})

describe('no answer is not a no', () => {
  const gone = 'SELECT pg_terminate_backend(pg_backend_pid())'

  test.each([
    [
      'nobody listens',
      async () =>
        `postgres://postgres:${encodeURIComponent(password)}@127.0.0.1:${await freePort()}/x`,
    ],
    ['a wrong password', async () => url.replace(/:[^:@]*@/, ':wrong-canary@')],
    ['no such database', async () => server.url('missing')],
    ['no such host', async () => 'postgres://u:wrong-canary@no-such-host.invalid/x'],
  ])('%s: before the gate, and without the password', async (_name, database) => {
    const at = context()
    const { problem } = await sql.perform(action(['SELECT 1'], true, await database()), at)
    expect(problem).toMatchObject({ kind: 'cannot_tell' })
    expect(problem?.message).toMatch(/^no connection to \S+ on \S+: ./)
    expect(problem?.message).not.toMatch(/canary/)
    expect(problem?.message).not.toContain(password)
    expect(at.gated).toEqual([])
  })

  test('one that accepts and never speaks is given up', async () => {
    const sockets: Socket[] = []
    const silent = createServer((socket) => void sockets.push(socket))
    const port = await freePort()
    silent.listen(port, '127.0.0.1')
    const database = `postgres://u@127.0.0.1:${port}/x`
    const { problem } = await sql.perform(
      action(['SELECT 1'], true, database),
      context({}, { timeout_ms: 200 }),
    )
    expect(problem).toMatchObject({ kind: 'cannot_tell' })
    sockets.forEach((socket) => socket.destroy())
    silent.close()
  })

  test('a connection that is lost on the way', async () => {
    const { problem, unchanged } = await sql.perform(action([gone]), context())
    expect(problem).toMatchObject({ kind: 'cannot_tell' })
    expect(problem?.message).toContain('the connection was lost')
    expect(unchanged).toBeUndefined()
  })

  test('a server that goes silent on the way', async () => {
    // A proxy that stops passing anything on once the statement is through, cancel requests too.
    const port = await freePort()
    const { port: real } = databaseAddress(url)
    let open = true
    const sockets: Socket[] = []
    const proxy = createServer((near) => {
      const far = dial(real, '127.0.0.1')
      sockets.push(near, far)
      near.on('data', (data) => {
        if (data.includes('pg_sleep')) open = false
        if (open) far.write(data)
      })
      far.on('data', (data) => open && near.write(data))
      for (const socket of [near, far]) socket.on('error', () => {})
    }).listen(port, '127.0.0.1')
    const at = context({}, { timeout_ms: 300 })
    const database = url.replace(/:\d+\//, `:${port}/`)
    const { problem, unchanged } = await sql.perform(
      action(['SELECT pg_sleep(9)'], true, database),
      at,
    )
    expect(problem).toMatchObject({ kind: 'timeout' })
    expect(problem?.message).toContain('whether it took effect is not known')
    expect(unchanged).toBeUndefined()
    sockets.forEach((socket) => socket.destroy())
    proxy.close()
  })

  test.each(['timeout', 'interrupted'] as const)('%s: the server is told to stop', async (kind) => {
    const stop = new AbortController()
    const at = context({}, { timeout_ms: kind === 'timeout' ? 800 : 9000, interrupt: stop.signal })
    if (kind === 'interrupted') setTimeout(() => stop.abort(), 200)
    const began = performance.now()
    const { problem, unchanged } = await sql.perform(action(['SELECT pg_sleep(8)']), at)
    expect(performance.now() - began).toBeLessThan(2000)
    expect(problem).toMatchObject({ kind })
    expect(problem?.message).toContain('changed nothing')
    expect(unchanged).toBe(true)
    const asking = `SELECT count(*) AS n FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(8)' AND state = 'active'`
    expect(await rows(asking)).toEqual([{ n: 0 }])
  })

  test.each([
    ['a part was committed', ['CREATE TABLE early (id int); COMMIT', 'SELECT pg_sleep(7)']],
    [
      'the connection was lost',
      [
        `DO $$ BEGIN PERFORM pg_sleep(7);
         EXCEPTION WHEN query_canceled THEN PERFORM pg_terminate_backend(pg_backend_pid());
         END $$`,
      ],
    ],
  ])('told to stop, and nobody can tell: %s', async (_name, statements) => {
    const { problem, unchanged } = await sql.perform(
      action(statements),
      context({}, { timeout_ms: 800 }),
    )
    expect(problem).toMatchObject({ kind: 'timeout' })
    expect(problem?.message).toContain('whether it took effect is not known')
    expect(unchanged).toBeUndefined()
  })
})

test('an address is taken apart as libpq would, and never repeated', () => {
  expect(pgEnvironment('postgres://u%40:p%2F@[::1]:5433/d%20b?sslmode=require')).toEqual({
    PGHOST: '::1',
    PGPORT: '5433',
    PGUSER: 'u@',
    PGPASSWORD: 'p/',
    PGDATABASE: 'd b',
    PGSSLMODE: 'require',
  })
  expect(pgEnvironment('postgresql:///app?host=/run/postgresql')).toMatchObject({
    PGHOST: '/run/postgresql',
    PGDATABASE: 'app',
  })
  for (const wrong of [
    'canary',
    'mysql://u:canary@h/d',
    'postgres://h:5432',
    'postgres://u:%ca%nary@h/d',
    '',
  ]) {
    expect(() => databaseAddress(wrong)).toThrow(/the database's URL is not one of PostgreSQL/)
    expect(() => databaseAddress(wrong)).not.toThrow(/nary/)
  }
})

test.each([
  ['a;b', ['a', 'b']],
  [' ; -- nothing\n ;', []],
  [`SELECT ';', E'\\';', "a;b"; x`, [`SELECT ';', E'\\';', "a;b"`, 'x']],
  ['DO $a$ x; $b$ y; $a$; z', ['DO $a$ x; $b$ y; $a$', 'z']],
  ['/* a; /* b; */ c; */ x; y', ['/* a; /* b; */ c; */ x', 'y']],
  [
    'CREATE FUNCTION f() BEGIN ATOMIC SELECT CASE WHEN a THEN 1 END; SELECT 2; END; z',
    ['CREATE FUNCTION f() BEGIN ATOMIC SELECT CASE WHEN a THEN 1 END; SELECT 2; END', 'z'],
  ],
  [`SELECT a$b$c; d$b$`, ['SELECT a$b$c', 'd$b$']],
  [`SELECT 'never closed; x`, [`SELECT 'never closed`, 'x']],
])('%s is cut into its statements', (text, expected) => {
  expect(splitStatements(text)).toEqual(expected)
})
