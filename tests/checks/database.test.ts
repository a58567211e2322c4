import { createHash } from 'node:crypto'
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { connect } from '../../src/lib/postgres.ts'
import { owner, startServer } from '../actions/postgres-server.ts'
import { askAll, rowsOf, type Case, type Cases, type Told } from './library.ts'
import { certificate } from './certificate.ts'

const PASSWORD = 'a/Password with: everything@42'
const guest = '${{ inputs.guest_url }}'
/** Nobody listens there. */
const gone = { database: 'postgres://nobody@127.0.0.1:1/nothing' }
const goneSays: Case = [gone, { says: '127.0.0.1' }]

const folder = mkdtempSync(join(tmpdir(), 'checks-'))
chmodSync(folder, 0o755)
const dump = join(folder, 'a.dump')
const other = join(folder, 'other.dump')
let server: Awaited<ReturnType<typeof startServer>>

const SCHEMA = `
  CREATE SCHEMA "Billing";
  CREATE TYPE mood AS ENUM ('sad', 'ok');
  CREATE TABLE "Guest" (
    id integer PRIMARY KEY, "localId" varchar(50), role text NOT NULL DEFAULT 'guest', phone text,
    "passwordHash" text, legacy text, "createdAt" timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT chk_phone CHECK (phone IS NULL OR length(phone) < 100),
    CONSTRAINT uq_local UNIQUE ("localId"));
  CREATE INDEX guest_role ON "Guest" (role, id);
  ALTER TABLE "Guest" ADD CONSTRAINT chk_legacy CHECK (legacy IS NULL) NOT VALID;
  INSERT INTO "Guest" (id, role, "passwordHash", "createdAt") VALUES
    (1, 'admin', '$2b$12$' || repeat('a', 53), '2026-01-01'), (2, 'guest', '$2b$12$' || repeat('b', 53), '2026-01-02');
  CREATE TABLE weak (hash text); INSERT INTO weak VALUES ('$2b$08$' || repeat('a', 53));
  CREATE TABLE plain (hash text); INSERT INTO plain VALUES ('secret');
  CREATE TABLE "none" (hash text);
  CREATE VIEW metrics AS SELECT count(*) AS guests, 1 AS locked FROM "Guest";
  CREATE MATERIALIZED VIEW unfilled AS SELECT 1 AS n WITH NO DATA;
  CREATE FUNCTION "isOk"(integer, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
  CREATE TABLE schema_migrations (version text);
  INSERT INTO schema_migrations VALUES ('001_first'), ('002'), ('003_twice'), ('003_twice');
  CREATE TABLE half_migrations (version text); INSERT INTO half_migrations VALUES ('001_first');
  CREATE ROLE "appUser" LOGIN PASSWORD 'guest-password-1';
  CREATE ROLE maker LOGIN CREATEDB; CREATE ROLE sly LOGIN; GRANT pg_execute_server_program TO sly;
  GRANT SELECT ON "Guest" TO "appUser"`

beforeAll(async () => {
  const tls = certificate(folder, 'postgres', { owner: owner() })
  server = await startServer(PASSWORD, {
    ssl: 'on',
    ssl_cert_file: tls.cert,
    ssl_key_file: tls.key,
    shared_preload_libraries: 'pg_stat_statements',
    archive_mode: 'on',
    archive_command: 'true',
    'pg_stat_statements.track': 'all',
  })
  const admin = await connect(server.url('postgres'))
  for (const name of ['app', 'slow', 'busy'])
    await admin.query({ text: `CREATE DATABASE ${name}`, values: [] })
  await admin.query({
    text: `ALTER ROLE postgres IN DATABASE app SET work_mem = '6MB'`,
    values: [],
  })
  await admin.close()
  const app = await connect(server.url('app'))
  await app.query({ text: SCHEMA, values: [] })
  await app.query({ text: `CREATE EXTENSION pg_stat_statements`, values: [] })
  // Used, but for one of its indexes.
  await app.query({
    text: `CREATE TABLE used (a int PRIMARY KEY); CREATE TABLE unused (a int PRIMARY KEY)`,
    values: [],
  })
  await app.query({ text: `SET enable_seqscan = off; SELECT * FROM used WHERE a = 1`, values: [] })
  await app.query({ text: `SELECT pg_switch_wal()`, values: [] })
  for (let tries = 0; tries < 600; tries += 1) {
    const { rows } = await app.query({
      text: 'SELECT archived_count AS n FROM pg_stat_archiver',
      values: [],
    })
    if (Number(rows[0]?.n) > 0) break
    await new Promise((done) => setTimeout(done, 50))
  }
  await app.close()
  const env = { ...process.env, PGPASSWORD: PASSWORD }
  const at = new URL(server.url('app'))
  const to = ['-h', at.hostname, '-p', at.port, '-U', 'postgres', '-Fc']
  execFileSync('pg_dump', [...to, '-f', dump, 'app'], { env })
  execFileSync('pg_dump', [...to, '-f', other, 'slow'], { env })
}, 120_000)

afterAll(async () => {
  await server.stop()
  rmSync(folder, { recursive: true })
})

const table = 'Guest'

/** What the rows of a table come to, calculated here. */
function digestOf(...rows: string[]): string {
  const each = rows.map((row) => createHash('md5').update(row).digest('hex')).toSorted()
  return createHash('sha256').update(each.join('')).digest('hex')
}
const before = { before_column: 'createdAt', before: '2026-01-02T00:00:00Z' }

const cases: Cases = {
  'table-exists': {
    holds: [[{ table }]],
    does_not_hold: [[{ table: 'guest' }], [{ table: 'metrics' }], [{ table, schema: 'Billing' }]],
    cannot_tell: [[{ table, ...gone }]],
  },
  'column-exists': {
    holds: [
      [{ table, column: 'localId' }],
      [{ table, column: 'localId', type: 'character varying(50)', nulls: 'allowed' }],
      [{ table, column: 'role', nulls: 'refused', default_value: "'guest'" }],
      [{ table, column: 'role', default_value: "'guest'::text" }],
    ],
    does_not_hold: [
      [{ table, column: 'localid' }],
      [{ table, column: 'localId', type: 'text' }],
      [{ table, column: 'localId', nulls: 'refused' }],
      [{ table, column: 'role', default_value: "'user'" }],
      [{ table, column: 'localId', default_value: "'guest'" }],
    ],
    cannot_tell: [[{ table, column: 'localId', ...gone }]],
  },
  'column-absent': {
    holds: [[{ table, column: 'phone_number' }]],
    does_not_hold: [[{ table, column: 'phone' }], [{ table: 'Gast', column: 'phone' }]],
    cannot_tell: [[{ table, column: 'phone', ...gone }]],
  },
  'index-exists': {
    holds: [[{ table, column: 'role' }], [{ table, column: 'localId', unique: true }]],
    does_not_hold: [[{ table, column: 'phone' }], [{ table, column: 'role', unique: true }]],
    cannot_tell: [[{ table, column: 'role', ...gone }]],
  },
  'constraint-exists': {
    holds: [
      [{ table, constraint: 'chk_phone' }],
      [{ table, constraint: 'chk_phone', kind: 'check', contains: 'length(phone)' }],
    ],
    does_not_hold: [
      [{ table, constraint: 'chk_none' }],
      [{ table, constraint: 'chk_legacy' }],
      [{ table, constraint: 'chk_phone', kind: 'unique' }],
      [{ table, constraint: 'chk_phone', contains: 'width' }],
    ],
    cannot_tell: [[{ table, constraint: 'chk_phone', ...gone }]],
  },
  'view-exists': {
    holds: [[{ view: 'metrics' }], [{ view: 'metrics', columns: ' guests locked ' }]],
    does_not_hold: [
      [{ view: 'Metrics' }],
      [{ view: table }],
      [{ view: 'unfilled' }],
      [{ view: 'metrics', columns: 'guests failed' }, { says: '' }],
    ],
    cannot_tell: [[{ view: 'metrics', ...gone }]],
  },
  'function-exists': {
    holds: [
      [{ function: 'isOk' }],
      [{ function: 'isOk', arguments: 'integer, text', returns: 'boolean' }],
    ],
    does_not_hold: [
      [{ function: 'isok' }],
      [{ function: 'isOk', arguments: '' }],
      [{ function: 'isOk', returns: 'text' }],
    ],
    cannot_tell: [[{ function: 'isOk', ...gone }]],
  },
  'schema-exists': {
    holds: [[{ schema: 'Billing' }]],
    does_not_hold: [[{ schema: 'billing' }], [{ schema: 'Billing', database: guest }]],
    cannot_tell: [[{ schema: 'Billing', ...gone }]],
  },
  'extension-exists': {
    holds: [[{ extension: 'pg_stat_statements' }]],
    does_not_hold: [[{ extension: 'pgcrypto' }]],
    cannot_tell: [[{ extension: 'plpgsql', ...gone }]],
  },
  'postgres-version': {
    holds: [[{ at_least: 12 }]],
    does_not_hold: [[{ at_least: 99 }]],
    cannot_tell: [[{ at_least: 12, ...gone }]],
  },
  'role-not-superuser': {
    holds: [[{ database: guest }], [{ role: 'appUser', strict: true }], [{ role: 'maker' }]],
    does_not_hold: [
      [{}],
      [{ role: 'sly' }],
      [{ role: 'maker', strict: true }],
      [{ role: 'appuser' }],
    ],
    cannot_tell: [goneSays],
  },
  'setting-within': {
    holds: [
      [{ setting: 'work_mem', at_least: '4MB', at_most: '8192kB' }],
      [{ setting: 'max_connections', at_least: '20', at_most: '1000' }],
      [{ setting: 'deadlock_timeout', at_least: '500ms', at_most: '1min' }],
      [{ setting: 'ssl', exactly: 'on' }],
    ],
    does_not_hold: [
      [{ setting: 'work_mem', at_least: '7MB' }],
      [{ setting: 'work_mem', at_most: '5MB' }],
      [{ setting: 'deadlock_timeout', at_least: '1h' }],
      [{ setting: 'ssl', exactly: 'off' }],
      [{ setting: 'ssl', at_least: '1' }],
      [{ setting: 'no_such_setting', exactly: 'on' }],
    ],
    cannot_tell: [[{ setting: 'work_mem', ...gone }]],
  },
  'database-encrypted': {
    holds: [[{ database: '${{ inputs.encrypted_url }}' }]],
    does_not_hold: [[{ database: '${{ inputs.open_url }}' }]],
    cannot_tell: [goneSays],
  },
  'connections-below': {
    holds: [[{ percent: 80 }], [{ at_most: 20 }]],
    does_not_hold: [[{ percent: 0.5 }], [{ database: '${{ inputs.busy_url }}', at_most: 1 }]],
    cannot_tell: [goneSays],
  },
  'no-long-transactions': {
    holds: [[{}], [{ seconds: 3600, database: '${{ inputs.busy_url }}' }]],
    does_not_hold: [[{ seconds: 0, database: '${{ inputs.busy_url }}' }]],
    cannot_tell: [goneSays],
  },
  'wal-archived': {
    holds: [[{}], [{ within_minutes: 60 }]],
    does_not_hold: [[{ database: '${{ inputs.unarchived_url }}' }]],
    cannot_tell: [goneSays],
  },
  'pg-indexes-used': {
    holds: [[{ table: 'used' }]],
    does_not_hold: [[{ table: 'unused' }], [{ table: 'used', at_least: 2 }]],
    cannot_tell: [[{ table: 'used', ...gone }]],
  },
  'pg-statements-fast': {
    holds: [[{ table: 'used', under_ms: 60_000 }]],
    does_not_hold: [[{ table: 'used', under_ms: 0 }], [{ table: 'neverAskedFor' }]],
    cannot_tell: [[{ table: 'used', ...gone }]],
  },
  'database-fingerprint': {
    holds: [[{}], [{ namespace: 'Billing' }]],
    does_not_hold: [[{ expected_schema: 'a' }], [{ expected_data: 'a' }]],
    cannot_tell: [[gone, { says: 'ECONNREFUSED' }]],
  },
  'backup-restores': {
    holds: [[{ file: dump }], [{ file: dump, within_s: 600 }]],
    does_not_hold: [
      [{ file: other }],
      [{ file: '/nowhere/a.dump' }],
      [{ file: 'plain.sql' }],
      [{ file: dump, within_s: 0.001 }],
    ],
    cannot_tell: [
      [{ file: dump, ...gone }, { says: 'ECONNREFUSED' }],
      [{ file: dump, database: guest }, { says: 'permission denied' }],
      [{ file: dump }, { env: { PATH: '/nowhere' } }],
    ],
  },
  'rows-unchanged': {
    holds: [
      [{ table }],
      [{ table, columns: 'id role', expected: digestOf('(1,admin)', '(2,guest)') }],
      [{ table, columns: 'id role', expected: digestOf('(1,admin)'), ...before }],
    ],
    does_not_hold: [
      [{ table, columns: 'id role', expected: digestOf('(1,guest)', '(2,guest)') }],
      [{ table, columns: 'id role', expected: digestOf('(1,admin)') }],
      [{ table: 'guest' }],
      [{ table, columns: 'id nothing' }],
    ],
    cannot_tell: [
      [{ table, ...gone }, { says: 'ECONNREFUSED' }],
      [{ table: 'weak', database: guest }, { says: 'permission denied' }],
    ],
  },
  'password-hashes': {
    holds: [[{ table, column: 'passwordHash', rounds: 12 }]],
    does_not_hold: [
      [{ table, column: 'passwordHash', rounds: 13 }],
      [{ table: 'weak', column: 'hash' }],
      [{ table: 'plain', column: 'hash' }],
      [{ table, column: 'hash' }],
    ],
    cannot_tell: [
      [{ table: 'none', column: 'hash' }, { says: 'no password yet' }],
      [{ table, column: 'passwordHash', ...gone }],
    ],
  },
  'migration-recorded': {
    holds: [[{ version: '001_first' }]],
    does_not_hold: [
      [{ version: '003_twice' }],
      [{ version: '009' }],
      [{ version: '1', table: 'nothing' }],
    ],
    cannot_tell: [[{ version: '001_first', ...gone }]],
  },
  'no-pending-migrations': {
    holds: [
      [{ folder: 'migrations' }],
      [{ tool: 'prisma' }, { env: { STATE: 'done' } }],
      [{ tool: 'typeorm' }, { env: { STATE: 'done' } }],
      [{ tool: 'alembic' }, { env: { STATE: 'done' } }],
      [{ tool: 'alembic', head: '7b4280a50047' }, { env: { STATE: 'done' } }],
    ],
    does_not_hold: [
      [{ folder: 'migrations', table: 'half_migrations' }],
      [{ folder: 'migrations', table: 'nothing' }],
      [{ tool: 'prisma' }, { env: { STATE: 'pending' } }],
      [{ tool: 'typeorm' }, { env: { STATE: 'pending' } }],
      [{ tool: 'alembic' }, { env: { STATE: 'pending' } }],
      [{ tool: 'alembic', head: 'ffff' }, { env: { STATE: 'done' } }],
    ],
    cannot_tell: [
      [{ folder: 'nowhere' }, { says: 'ENOENT' }],
      [{ folder: 'empty' }, { says: 'no migrations' }],
      [{ folder: 'migrations', ...gone }, { says: 'ECONNREFUSED' }],
      [{ tool: 'prisma' }, { env: { STATE: 'broken' }, says: 'P1001' }],
      [{ tool: 'typeorm' }, { env: { STATE: 'broken' } }],
      [{ tool: 'alembic' }, { env: { STATE: 'broken' } }],
      [{ tool: 'alembic', command: 'no-such-alembic' }, { says: 'did not run' }],
    ],
  },
  'schema-matches': {
    holds: [
      [{}, { env: { STATE: 'done' } }],
      [{ tool: 'typeorm' }, { env: { STATE: 'done' } }],
      [{ tool: 'alembic', command: 'alembic' }, { env: { STATE: 'done' } }],
    ],
    does_not_hold: [
      [{}, { env: { STATE: 'pending' } }],
      [{ tool: 'typeorm' }, { env: { STATE: 'pending' } }],
      [{ tool: 'alembic' }, { env: { STATE: 'pending' } }],
    ],
    cannot_tell: [
      [{}, { env: { STATE: 'broken' } }],
      [{ tool: 'typeorm' }, { env: { STATE: 'broken' } }],
      [{ tool: 'alembic' }, { env: { STATE: 'broken' } }],
      [{ command: 'no-such-prisma' }],
    ],
  },
}

let told: Map<string, Told>
beforeAll(async () => {
  // Somebody who holds a transaction open, once with a lock.
  const busy = [await connect(server.url('busy')), await connect(server.url('busy'))]
  for (const one of busy) await one.query({ text: 'BEGIN; SELECT 1', values: [] })
  const plain = await startServer('other-password')
  try {
    const as = (name: string, more = '') => `${server.url(name)}${more}`
    const guestUrl = new URL(server.url('app'))
    guestUrl.username = 'appUser'
    guestUrl.password = 'guest-password-1'
    told = await askAll(cases, {
      secrets: {
        database_url: as('app'),
        guest_url: guestUrl.href,
        encrypted_url: as('app', '?sslmode=require'),
        open_url: as('app', '?sslmode=disable'),
        busy_url: as('busy'),
        unarchived_url: plain.url('postgres'),
      },
      files: {
        'migrations/001_first.sql': '',
        'migrations/002_second.up.sql': '',
        'migrations/002_second.down.sql': '',
        'empty/README': '',
        'plain.sql': 'CREATE TABLE a (b int);',
      },
      path: [join(import.meta.dirname, 'stand-ins')],
    })
  } finally {
    for (const one of busy) await one.close()
    await plain.stop()
  }
}, 240_000)

test.each(rowsOf(cases))('$name', ({ name, answer, given: [, { says = '' } = {}] }) => {
  const found = told.get(name)
  expect(found, JSON.stringify(found)).toMatchObject({ answer })
  expect(found?.reason ?? '').toContain(says)
})
