import { spawnSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import {
  processEnvironment,
  type ActsAs,
  type BoundForProcess,
} from '../../src/engine/process-environment.ts'

const url = 'postgres://deploy:p%40ss-word-1@db.example.com:5433/hotel'

const bound: BoundForProcess = {
  root: '/srv/app',
  plan: { environment: { path: ['sandbox/bin', '/opt/tools'] } },
  inputs: {
    app_url: 'https://x.example',
    count: 3,
    database_url: url,
    admin_token: 'tok-8fj3kd93kd',
    weak: 'test',
  },
  secrets: new Map([
    ['database_url', url],
    ['admin_token', 'tok-8fj3kd93kd'],
    ['weak', 'test'],
  ]),
  withheld: ['PROD_DB'],
}

const operator = {
  PATH: '/usr/bin:/bin',
  HOME: '/home/o',
  NODE_ENV: 'test',
  RUNBOOK_KEY: 'ab'.repeat(32),
  RUNBOOK_STORE: 'postgres://u:p@h/db',
  PROD_DB: 'whatever',
  COPY_OF_TOKEN: 'tok-8fj3kd93kd',
  HEADER: 'Authorization: Bearer tok-8fj3kd93kd',
  PGPASSWORD: 'p@ss-word-1',
  PGHOSTADDR: '10.0.0.1',
  PGSERVICE: 'prod',
  PGOPTIONS: '-c statement_timeout=0',
}

const role = (secrets: string[], more: Partial<ActsAs> = {}): ActsAs => ({
  kind: 'do',
  step: { id: 'migrate', secrets },
  run: 'r1',
  attempt: 2,
  epoch: 5,
  ...more,
})

describe('a step that names no secret', () => {
  const env = processEnvironment(bound, role([]), operator)

  test('sees the operator, the plain inputs and who it is', () => {
    expect(env).toEqual({
      PATH: '/srv/app/sandbox/bin:/opt/tools:/usr/bin:/bin',
      HOME: '/home/o',
      NODE_ENV: 'test',
      PGHOSTADDR: '10.0.0.1',
      PGSERVICE: 'prod',
      PGOPTIONS: '-c statement_timeout=0',
      APP_URL: 'https://x.example',
      COUNT: '3',
      RUNBOOK_RUN_ID: 'r1',
      RUNBOOK_STEP: 'migrate',
      RUNBOOK_ATTEMPT: '2',
      RUNBOOK_EPOCH: '5',
      RUNBOOK_IDEMPOTENCY_KEY: 'r1-migrate',
    })
  })

  test('a real process of it has no secret in its environment', () => {
    const { stdout } = spawnSync('env', { env, encoding: 'utf8' })
    expect(stdout).toContain('APP_URL=https://x.example')
    for (const canary of [
      'tok-8fj3kd93kd',
      'p@ss-word-1',
      'p%40ss-word-1',
      'ab'.repeat(32),
      'whatever',
      'u:p@h',
    ]) {
      expect(stdout).not.toContain(canary)
    }
  })
})

test('a step sees the secrets that it names, and libpq goes where database_url says and nowhere else', () => {
  const env = processEnvironment(bound, role(['database_url']), operator)
  expect(env).toMatchObject({
    DATABASE_URL: url,
    PGHOST: 'db.example.com',
    PGPORT: '5433',
    PGUSER: 'deploy',
    PGPASSWORD: 'p@ss-word-1',
    PGDATABASE: 'hotel',
    PGOPTIONS: '-c statement_timeout=0',
  })
  for (const name of ['ADMIN_TOKEN', 'COPY_OF_TOKEN', 'PROD_DB', 'PGHOSTADDR', 'PGSERVICE'])
    expect(env).not.toHaveProperty(name)
  expect(processEnvironment(bound, role(['admin_token']), operator)).toMatchObject({
    ADMIN_TOKEN: 'tok-8fj3kd93kd',
    COPY_OF_TOKEN: 'tok-8fj3kd93kd',
  })
})

test('the idempotency key tells an undo from what it undoes, and one attempt not from another', () => {
  const key = (more: Partial<ActsAs>) =>
    processEnvironment(bound, role([], more), operator).RUNBOOK_IDEMPOTENCY_KEY
  expect(key({ attempt: 1 })).toBe(key({ attempt: 9, epoch: 7 }))
  expect(key({ kind: 'undo', part: 0, attempt: 1 })).toBe(
    key({ kind: 'undo', part: 0, attempt: 2 }),
  )
  expect(
    new Set([
      key({}),
      key({ kind: 'undo', part: 0 }),
      key({ kind: 'undo', part: 1 }),
      key({ run: 'r2' }),
    ]).size,
  ).toBe(4)
})

test('what it gives may be changed without changing what the next one gets', () => {
  const first = processEnvironment(bound, role([]))
  first.APP_URL = 'changed'
  expect(processEnvironment(bound, role([])).APP_URL).toBe('https://x.example')
})
