import { expect, test } from 'vitest'
import { EXIT, failure } from '../../src/core/errors.ts'
import type { PlannedStep, PlanReport } from '../../src/core/plan-report.ts'
import type { Runbook } from '../../src/core/runbook.ts'
import { stepsToUndo } from '../../src/core/undo.ts'
import { PLAIN, width } from '../../src/lib/terminal.ts'
import { liveView } from '../../src/views/live.ts'
import { plainView } from '../../src/views/plain.ts'
import { planJson, planText } from '../../src/views/plan.ts'
import { errorText } from '../../src/views/problem.ts'
import { quietView } from '../../src/views/quiet.ts'
import { rollbackPlanText } from '../../src/views/rollback-plan.ts'
import { checkPage, showText } from '../../src/views/show.ts'
import { logsText, statusText } from '../../src/views/status.ts'
import {
  checksText,
  doctorText,
  historyText,
  listText,
  locksText,
  type HeldLock,
} from '../../src/views/tables.ts'
import { dateTime } from '../../src/views/times.ts'
import { by, golden, journal, paper } from './fixture.ts'
import { smallPlan, stories } from './stories.ts'

const NARROW = { ...PLAIN, columns: 50 }

function told(name: string) {
  const run = journal()
  stories[name]?.(run)
  return run
}

function report(): PlanReport {
  const plan = smallPlan()
  const steps = plan.steps.map((step): PlannedStep => ({
    id: step.id,
    title: step.title,
    phase: step.phase,
    would: 'run',
    does: 'run: npx prisma migrate deploy',
    checks: ['table-exists (table: GuestStaffQRToken)'],
    watches: [],
    undo:
      step.rollback.kind === 'undo' ? ['sql: DROP TABLE IF EXISTS "GuestStaffQRToken"'] : 'none',
    loses: [],
    approval: [],
    refs: ['QR-08'],
    ...(step.estimate_s !== undefined && { estimate_s: step.estimate_s }),
  }))
  const change = (at: number, more: Partial<PlannedStep>) => Object.assign(steps[at] ?? {}, more)
  change(0, { would: 'skipped', reason: 'when: inputs.tests is false' })
  change(1, { undo: 'keep' })
  change(2, { loses: ['Tokens issued since the migration.'] })
  change(3, { would: 'satisfied', reason: 'table-exists holds' })
  change(4, { would: 'unknown', reason: 'hangs on steps.before.release' })
  const resort = { does: 'restore backups/app.dump', loses: 'All since the backup.', covers: ['x'] }
  change(5, { irreversible: 'The columns and their data are gone.', last_resort: [resort] })
  const problems = ['requires: pg_dump is not there']
  const sha = '3f2a91c4d5e6f708192a3b4c5d6e7f80912a3b4c5d6e7f80912a3b4c5d6e7f80'
  const point_of_no_return = 'drop_plaintext'
  return { plan, plan_sha256: sha, steps, problems, point_of_no_return, asked: true }
}

function runbook(): Runbook {
  const { phases, steps, scopes, contacts } = smallPlan()
  const at = 'runbooks/qr-login.yaml:5:3'
  return {
    runbook: 'qr-login',
    title: 'QR code login',
    version: '1.0',
    file: 'runbooks/qr-login.yaml',
    inputs: {
      app_url: { type: 'url', secret: false, refs: [], at },
      token: { type: 'string', secret: true, default: 'never shown', min_length: 32, refs: [], at },
      strategy: {
        type: 'string',
        secret: false,
        default: 'systemd',
        enum: ['systemd', 'vercel'],
        refs: [],
        at,
      },
    },
    environments: {
      prod: {
        name: 'prod',
        protected: true,
        inputs: {},
        services: {},
        path: [],
        manual: 'ask',
        state: [],
      },
    },
    requires: [],
    scopes: { ...scopes, database: { title: 'Undo schema and seeds.', with: ['app'] } },
    contacts,
    on_failure: {},
    phases,
    steps,
    finally: [],
    files: {},
  }
}

const lock: HeldLock = {
  name: 'qr-login/prod',
  run: '20250614-021000-k3v9',
  status: 'running',
  holder: by,
  since: '2025-06-14T02:10:00Z',
  alive: false,
  doing: 'token_table',
}

const check = {
  name: 'table-exists',
  title: 'A table exists',
  description:
    'Asks the catalogue of the database, in the schema that the search path names first.',
  file: 'checks/table-exists.yaml',
  params: [
    { name: 'table', type: 'string', secret: false, title: 'its name, capitals and all' },
    { name: 'kind', type: 'string', secret: false, default: 'any', enum: ['any', 'temporary'] },
    { name: 'database', type: 'url', secret: true, default: '${{ inputs.database_url }}' },
  ],
  example: { table: 'users' },
  action: 'sql: SELECT EXISTS (…)',
  expect: ['rows[0].exists'],
  cannot_tell: 'The database does not answer.',
}

const pages: Record<string, (look: typeof PLAIN) => string> = {
  plan: (look) => planText(report(), look),
  'rollback plan': (look) => {
    const run = told('rolled back in part')
    const plan = smallPlan()
    const steps = stepsToUndo(plan, run.state)
    return rollbackPlanText(plan, run.state, steps, look, run.at() + 3_600_000)
  },
  show: (look) => showText(runbook(), look),
  check: (look) => checkPage(check, look),
  checks: (look) =>
    checksText([{ name: 'table-exists', title: 'A table exists', own: false }], look),
  list: (look) => {
    const [title, version, steps] = ['QR code login', '1.0', 26]
    const environments = ['sandbox', 'staging', 'prod']
    const empty = { title: '', version: '', environments: [], steps: 0 }
    return listText(
      [
        { name: 'qr-login', title, version, environments, steps },
        { name: 'broken', ...empty, problem: 'runbooks/broken.yaml:3:1: unknown key "fases"' },
      ],
      look,
    )
  },
  history: (look) =>
    historyText(
      ['failed', 'succeeded'].map((name) => told(name).state),
      look,
    ),
  locks: (look) => locksText([lock], look),
  'lock of one that is driven': (look) => locksText([{ ...lock, alive: true, driven: true }], look),
  'lock of one that is partly rolled back': (look) =>
    locksText(
      [{ name: lock.name, run: '20250614-021000-k3v9', status: 'partly_rolled_back' }],
      look,
    ),
  doctor: (look) =>
    doctorText(
      [
        { what: 'Node', level: 'good', says: '24.21.0' },
        { what: 'pg_dump', level: 'bad', says: 'not found', hint: 'apt install postgresql-client' },
        { what: 'ssh', level: 'warning', says: 'no agent' },
      ],
      look,
    ),
  'status failed': (look) => statusText(smallPlan(), told('failed').state, look),
  'status of one that another holds up': (look) =>
    statusText(smallPlan(), told('rolled back by itself').state, look, {
      others: {
        unfinished: [
          {
            plan: smallPlan(),
            state: told('rollback failed').state,
            driven: false,
            inTheWay: true,
          },
          { plan: smallPlan(), state: told('waiting').state, driven: true, inTheWay: false },
        ],
        damaged: ['20250614-021000-9b00'],
        newest: '20250615-021000-11aa',
      },
    }),
  'status paused': (look) =>
    statusText(smallPlan(), told('paused').state, look, {
      driver: { holder: by, since: lock.since ?? '' },
    }),
  logs: (look) => logsText(told('rollback failed').events, smallPlan(), look),
  'logs of a step': (look) => logsText(told('failed').events, smallPlan(), look, 'token_table'),
}

test.each(Object.entries(pages))('%s', (name, make) => {
  golden(`page ${name}`, make(PLAIN))
})

test.each(Object.entries(pages))('%s on 50 columns', (_name, make) => {
  for (const line of make(NARROW).split('\n'))
    if (!line.includes('runbook ') && !/^\s*- check|^ {4}with/.test(line))
      if (!/^\d{4}-|^ {2}│/.test(line)) expect(width(line), line).toBeLessThanOrEqual(50)
})

test('a secret input never shows its default', () => {
  expect(showText(runbook(), PLAIN)).not.toContain('never shown')
})

test('the plan as data', () => {
  golden('json plan', `${JSON.stringify(planJson(report()), null, 2)}\n`)
})

test('an error: what is wrong, what it comes to, what to do', () => {
  const problem = {
    file: 'runbooks/a.yaml',
    line: 3,
    column: 5,
    message: 'unknown key "fases"\x1b[2J',
    source: '    fases: 1',
    hint: 'did you mean "phases"?',
  }
  const error = failure(EXIT.usage, 'the runbook is not valid', {
    problems: [problem],
    hint: 'see: runbook schema',
  })
  golden('error', errorText(error, PLAIN))
  const many = failure(EXIT.usage, 'x', { problems: Array.from({ length: 25 }, () => problem) })
  expect(errorText(many, PLAIN)).toContain('… and 5 more')
})

test('on a terminal the times in errors and notes are local, as everywhere on it', () => {
  const at = '2025-06-14T02:10:00.123Z'
  const local = { ...PLAIN, localTime: true }
  const since = `unfinished since ${dateTime(at, local)} (3m ago)\n`
  const error = failure(EXIT.busy, `unfinished since ${at} (3m ago)`)
  expect(errorText(error, local)).toBe(`error: ${since}`)
  expect(errorText(error, PLAIN)).toBe(`error: unfinished since ${at} (3m ago)\n`)
  for (const view of [quietView, liveView, plainView]) {
    const { out, text } = paper({ isTTY: true }, { NO_COLOR: '1' })
    view(out).progress({ kind: 'note', text: `unfinished since ${at} (3m ago)` })
    expect(text()).toContain(since)
  }
})

test('an error is broken between words, and its commands not at all', () => {
  const hint = 'go on with it: runbook resume 20250614-021000-k3v9'
  const error = failure(EXIT.busy, 'an unfinished run 20250614-021000-k3v9: waiting', { hint })
  expect(errorText(error, { ...PLAIN, columns: 36 })).toBe(
    `error: an unfinished run\n20250614-021000-k3v9: waiting\n  ${hint}\n`,
  )
})

test('a fault of our own has no stack unless it is asked for', () => {
  const error = new TypeError('x is not a function')
  expect(errorText(error, PLAIN)).toContain('x is not a function')
  expect(errorText(error, PLAIN)).not.toContain('pages.test.ts')
  expect(errorText(error, PLAIN, true)).toContain('pages.test.ts')
})
