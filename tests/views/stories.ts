/** How runs end, told as events; several tests show them in several views. */
import type { Failure } from '../../src/core/events.ts'
import type { Plan } from '../../src/core/plan.ts'
import type { View } from '../../src/core/view.ts'
import { journal, plan, step, type Journal } from './fixture.ts'

export const failure: Failure = {
  reason: 'verify_failed',
  message: 'the table is not there',
  asked: {
    title: 'table-exists (table: GuestStaffQRToken)',
    answer: 'does_not_hold',
    expression: 'rows[0].exists == true',
    at: 'runbooks/qr-login.yaml:31:19',
    defined_at: 'checks/table-exists.yaml:7:11',
    values: { 'rows[0].exists': false, row_count: 1 },
    reason: 'rows[0].exists is false',
    times: 3,
  },
  tail: 'Applying migration 0027\n\x1b[31mERROR\x1b[0m: relation "users" does not exist\n\x1b[2Jgone\n',
  hints: ['The migration ran before; compare the migrations table.'],
}

const none = { rollback: { kind: 'none' as const } }

/** A plan with one step of each kind that an ending treats in its own way. */
export function smallPlan(): Plan {
  return plan({
    check: [step('unit_tests', { ...none, effect: 'none' })],
    migrate: [
      step('backup', { rollback: { kind: 'keep' } }),
      step('token_table', { title: 'Create the token table', estimate_s: 45 }),
      step('seed', { effect: 'idempotent' }),
    ],
    release: [
      step('switch'),
      step('drop_plaintext', { rollback: { kind: 'irreversible', why: 'The columns are gone.' } }),
    ],
  })
}

function undo(run: Journal, id: string): void {
  run.add({ type: 'undo.armed', step: id, attempt: 1, part: 0 })
  run.wait(500)
  const checks = [{ title: 'it is so', answer: 'does_not_hold' as const, times: 1 }]
  run.add({ type: 'undo.verified', step: id, attempt: 1, part: 0, checks })
  run.add({ type: 'undo.done', step: id, attempt: 1, part: 0, last: true, duration_ms: 500 })
}

function untilFailure(run: Journal): void {
  run.good('unit_tests', 12_000)
  run.good('backup', 3400)
  run.add({ type: 'step.satisfied', step: 'seed', checks: [], outputs: {} })
  run.add({ type: 'step.armed', step: 'token_table', attempt: 1 })
  run.add({ type: 'step.started', step: 'token_table', attempt: 1 })
  run.wait(2100)
  run.add({ type: 'step.failed', step: 'token_table', attempt: 1, failure, duration_ms: 2100 })
}

/** Each tells one run on its journal. */
export const stories: Record<string, (run: Journal) => void> = {
  succeeded(run) {
    for (const id of ['unit_tests', 'backup', 'token_table']) run.good(id, 62_000)
    run.add({ type: 'step.satisfied', step: 'seed', checks: [], outputs: {} })
    run.good('switch', 800)
    run.add({ type: 'step.skipped', step: 'drop_plaintext', reason: 'not selected' })
    run.add({ type: 'run.finished', status: 'succeeded', exit_code: 0 })
  },
  'succeeded past the point of no return'(run) {
    for (const id of ['unit_tests', 'backup', 'token_table', 'seed']) run.good(id)
    for (const id of ['switch', 'drop_plaintext']) run.good(id)
    run.add({ type: 'run.finished', status: 'succeeded', exit_code: 0 })
  },
  failed(run) {
    untilFailure(run)
    run.add({ type: 'run.finished', status: 'failed', exit_code: 3 })
  },
  'failed with nothing to undo'(run) {
    run.add({ type: 'step.armed', step: 'unit_tests', attempt: 1 })
    run.wait(100)
    const reason = 'action_failed' as const
    const message = 'exit_code is 1'
    const failed = { failure: { reason, message }, duration_ms: 100 }
    run.add({ type: 'step.failed', step: 'unit_tests', attempt: 1, ...failed })
    run.add({ type: 'run.finished', status: 'failed', exit_code: 3 })
  },
  paused(run) {
    run.good('unit_tests')
    run.good('token_table')
    run.add({ type: 'run.paused', reason: 'Ctrl-C was pressed' })
  },
  waiting(run) {
    run.good('token_table')
    const reason = 'DevOps has to confirm: "Phones are charged"'
    run.add({ type: 'step.waiting', step: 'seed', reason })
    run.add({ type: 'run.waiting', reason })
  },
  'in doubt'(run) {
    run.good('unit_tests')
    run.add({ type: 'step.armed', step: 'token_table', attempt: 1 })
    run.add({ type: 'step.started', step: 'token_table', attempt: 1 })
    const reason = 'it was started and nobody recorded its end'
    run.add({ type: 'step.in_doubt', step: 'token_table', reason })
    run.add({ type: 'run.finished', status: 'in_doubt', exit_code: 11 })
  },
  'rolled back by itself'(run) {
    untilFailure(run)
    const why = 'step token_table failed'
    run.add({ type: 'run.rolling_back', why, automatic: true })
    undo(run, 'token_table')
    run.add({ type: 'run.finished', status: 'rolled_back', exit_code: 4 })
  },
  'rolled back in part'(run) {
    for (const id of ['token_table', 'seed', 'switch']) run.good(id)
    run.add({ type: 'run.rolling_back', why: 'ana asked', automatic: false, scope: 'app' })
    undo(run, 'switch')
    run.add({ type: 'run.finished', status: 'partly_rolled_back', exit_code: 0 })
  },
  'rollback failed'(run) {
    for (const id of ['unit_tests', 'token_table', 'seed', 'switch']) run.good(id)
    run.add({ type: 'run.rolling_back', why: 'ana asked', automatic: false })
    undo(run, 'switch')
    run.add({ type: 'undo.armed', step: 'seed', attempt: 1, part: 0 })
    const failed = { ...failure, message: 'rows are still there' }
    const rest = { attempt: 1, part: 0, duration_ms: 900 }
    run.add({ type: 'undo.failed', step: 'seed', failure: failed, ...rest })
    run.add({ type: 'run.finished', status: 'rollback_failed', exit_code: 5 })
  },
  abandoned(run) {
    run.good('token_table')
    run.add({ type: 'run.finished', status: 'abandoned', exit_code: 0, reason: 'the host is gone' })
  },
}

/** Plays a story into a view, as the engine would. */
export async function play(name: string, view: View): Promise<Journal> {
  const run = journal(view)
  view.start(smallPlan(), run.state, 'deploy')
  stories[name]?.(run)
  await view.end(run.state)
  return run
}
