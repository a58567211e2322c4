/**
 * The mirror of a step's life: undo_armed → undoing → undo_verifying → undone | undo_failed. An undo is
 * safe when its action did all, half or nothing, and safe to repeat; so one whose end is unknown is
 * simply run again. "Rolled back" is never said on faith: each undo is verified.
 */
import type { Failure, NewEvent } from '../core/events.ts'
import { runsElsewhere } from '../core/hosts.ts'
import { lastResorts } from '../core/last-resort.ts'
import type { Step, Undo } from '../core/runbook.ts'
import { stepState, type StepState } from '../core/state.ts'
import type { StepToUndo } from '../core/undo.ts'
import { recover, type Judged } from './attempt.ts'
import { scrubStep } from './leftovers.ts'
import { halt, type Runtime } from './runtime.ts'
import { role } from './roles.ts'
import { failureOf, notesOf, summary } from './telling.ts'
import { recoverFlight, unreachable } from './step.ts'
import { tryOut } from './trying.ts'
import { proofOf, proveCovered } from './undo-proof.ts'

/** Undoes what is left of one step, part by part. False: it stopped, and `rt.halt` says why. */
export async function undoStep(rt: Runtime, todo: StepToUndo): Promise<boolean> {
  try {
    return await undoParts(rt, todo)
  } finally {
    await scrubStep(rt, todo.step)
  }
}

async function undoParts(rt: Runtime, { step, undos, covers }: StepToUndo): Promise<boolean> {
  const known = await awaitAction(rt, step)
  if (known === 'unreachable') return false
  for (const covered of covers) {
    if ((await awaitAction(rt, covered)) === 'unreachable') return false
    if (!(await awaitUndo(rt, covered, -1))) return false
  }
  if (known === 'never' && covers.length === 0) return true
  for (const { part, undo, last } of undos) {
    if (rt.stop.asked() !== undefined) {
      halt(rt, { kind: 'paused' })
      return false
    }
    if (!(await awaitUndo(rt, step, part))) return false
    const todo = { step, undo, part, last, covers: last ? covers : [] }
    if (!(await undoPart(rt, todo))) return false
  }
  return true
}

/** Never undo under a running action: wait for it, or learn that it never began, or that nobody can tell. */
async function awaitAction(rt: Runtime, step: Step): Promise<'never' | 'over' | 'unreachable'> {
  const { flight, status } = stepState(rt.journal.state, step.id)
  if (flight?.role !== 'do' || flight.phase !== 'armed' || step.act === undefined) return 'over'
  const found = await recoverFlight(rt, step, step.act)
  if (found.state === 'never') return 'never'
  if (found.state === 'unreachable') {
    if (status !== 'in_doubt')
      await rt.journal.record({
        type: 'step.in_doubt',
        step: step.id,
        reason: unreachable(found),
      })
    halt(rt, { kind: 'undo_failed', step })
    return 'unreachable'
  }
  if (found.state === 'ended')
    for (const text of found.judged.outcome.notes ?? []) note(rt, step, text)
  return 'over'
}

/**
 * Nor under another undo that a dead tool left running, when another part is taken now. False: it may
 * still run on a host that cannot be asked.
 */
async function awaitUndo(rt: Runtime, step: Step, part: number): Promise<boolean> {
  const { flight } = stepState(rt.journal.state, step.id)
  if (flight?.role !== 'undo' || flight.phase !== 'armed' || flight.part === part) return true
  const { rollback } = step
  const all = [...(rollback.kind === 'undo' ? rollback.undos : []), ...lastResorts(step)]
  const undo = all[flight.part]
  const found = undo === undefined ? undefined : await recoverUndo(rt, step, undo, flight)
  return found?.state === 'unreachable' ? undoLost(rt, step, flight.part, unreachable(found)) : true
}

function recoverUndo(
  rt: Runtime,
  step: Step,
  undo: Undo,
  { attempt, part, process }: NonNullable<StepState['flight']>,
): ReturnType<typeof recover> {
  const base = role(rt, step, attempt, `undo-${attempt}-${part}`)
  return recover(
    rt,
    undo,
    { ...base, kind: 'undo', part, gate: () => Promise.resolve() },
    ({ pid }) => {
      rt.view.progress({ kind: 'doing', step: step.id, what: 'still running' })
      note(rt, step, `its undo is still running (pid ${pid}); waiting up to its timeout`)
    },
    process,
    stepState(rt.journal.state, step.id).began_at,
  )
}

/** One undo of a step. `covers`: steps that it undoes as well, when it is the last of its kind. */
interface Part {
  step: Step
  undo: Undo
  part: number
  last: boolean
  covers: Step[]
}

async function undoPart(rt: Runtime, todo: Part): Promise<boolean> {
  const { step, undo, part } = todo
  const { flight, status } = stepState(rt.journal.state, step.id)
  // One that was interrupted has ended, and is simply run again; on another machine that is to be asked.
  const over = status === 'in_doubt' && !runsElsewhere(step, undo.action)
  if (flight?.role === 'undo' && flight.part === part && !over) {
    if (flight.phase === 'acted' && flight.ok === true)
      return verifyUndo(rt, todo, flight.attempt, undefined)
    const found = await recoverUndo(rt, step, undo, flight)
    if (found.state === 'unreachable') return undoLost(rt, step, part, unreachable(found))
    if (found.state === 'ended' && (status !== 'in_doubt' || found.judged.answer === 'holds'))
      return undoActed(rt, todo, flight.attempt, found.judged)
  }
  const { attempt, judged, armed } = await tryOut(rt, step, undo, {
    what: 'undoing',
    first: stepState(rt.journal.state, step.id).undo_attempts + 1,
    lent: { kind: 'undo', part },
    folder: (attempt) => `undo-${attempt}-${part}`,
    intent: (attempt, begun) => [
      { type: 'undo.armed', step: step.id, attempt, part },
      { type: 'undo.started', step: step.id, attempt, part, ...begun },
    ],
    failed: (attempt, judged, failure) => [
      actedEvent(rt, todo, attempt, judged),
      failedEvent(step, part, attempt, failure, judged.duration_ms),
    ],
  })
  if (!armed) {
    const reason = judged.missing === undefined ? 'action_failed' : 'value_missing'
    const message =
      judged.missing === undefined
        ? (judged.reason ?? 'it could not be started')
        : `${judged.missing} was never recorded, so the undo was not run`
    return undoFailed(rt, step, part, attempt, { reason, message }, judged.duration_ms)
  }
  return undoActed(rt, todo, attempt, judged)
}

async function undoActed(
  rt: Runtime,
  todo: Part,
  attempt: number,
  judged: Judged,
): Promise<boolean> {
  const { step, part } = todo
  for (const text of judged.outcome.notes ?? []) note(rt, step, text)
  if (judged.outcome.problem?.kind === 'lost')
    return undoLost(rt, step, part, judged.reason ?? judged.outcome.problem.message)
  if (judged.outcome.problem?.kind === 'interrupted') {
    await rt.journal.record({
      type: 'undo.in_doubt',
      step: step.id,
      part,
      reason: 'it was interrupted; an undo is safe to repeat',
    })
    halt(rt, { kind: 'paused' })
    return false
  }
  await rt.journal.record(actedEvent(rt, todo, attempt, judged))
  if (judged.answer !== 'holds') {
    const reason = judged.outcome.problem?.kind === 'timeout' ? 'timeout' : 'action_failed'
    return undoFailed(
      rt,
      step,
      part,
      attempt,
      failureOf(rt, step, judged, reason),
      judged.duration_ms,
    )
  }
  return verifyUndo(rt, todo, attempt, judged)
}

async function verifyUndo(
  rt: Runtime,
  { step, undo, part, last, covers }: Part,
  attempt: number,
  judged: Judged | undefined,
): Promise<boolean> {
  rt.view.progress({ kind: 'doing', step: step.id, what: 'verifying the undo' })
  const began = performance.now()
  const { acted_ms = 0 } = stepState(rt.journal.state, step.id)
  const own = await proofOf(rt, step, undo.verify, attempt, `undo-verify-${part}`)
  const duration = () => Math.round((judged?.duration_ms ?? acted_ms) + performance.now() - began)
  const verified = {
    type: 'undo.verified',
    step: step.id,
    attempt,
    part,
    checks: own.asked,
  } as const
  if (own.failure !== undefined) {
    await rt.journal.record(verified)
    return undoFailed(rt, step, part, attempt, own.failure, duration())
  }
  // All of them are proven, and together: else none of them is undone.
  const along: NewEvent[] = []
  for (const covered of covers) {
    const proofs = await proveCovered(rt, covered, attempt)
    const failed = proofs.find(({ failure }) => failure !== undefined)?.failure
    if (failed !== undefined) {
      await rt.journal.record(verified)
      const message = `it did not undo ${covered.id} as well: ${failed.message}`
      return undoFailed(rt, step, part, attempt, { ...failed, message }, duration())
    }
    const [id, checks] = [covered.id, proofs.flatMap(({ asked }) => asked)]
    along.push(
      { type: 'undo.verified', step: id, attempt, part: 0, checks },
      {
        type: 'undo.done',
        step: id,
        attempt,
        part: 0,
        last: true,
        duration_ms: 0,
        covered_by: step.id,
      },
    )
  }
  const done = { type: 'undo.done', step: step.id, attempt, part, last } as const
  await rt.journal.record(verified, { ...done, duration_ms: duration() }, ...along)
  return true
}

async function undoFailed(
  rt: Runtime,
  step: Step,
  part: number,
  attempt: number,
  failure: Failure,
  duration_ms: number,
): Promise<boolean> {
  await rt.journal.record(failedEvent(step, part, attempt, failure, duration_ms))
  halt(rt, { kind: 'undo_failed', step })
  return false
}

function actedEvent(rt: Runtime, { step, part }: Part, attempt: number, judged: Judged): NewEvent {
  return {
    type: 'undo.acted',
    step: step.id,
    attempt,
    part,
    ok: judged.answer === 'holds',
    result: summary(rt, judged),
    duration_ms: judged.duration_ms,
    ...notesOf(judged),
  }
}

function failedEvent(
  step: Step,
  part: number,
  attempt: number,
  failure: Failure,
  duration_ms: number,
): NewEvent {
  return { type: 'undo.failed', step: step.id, attempt, part, failure, duration_ms }
}

function note(rt: Runtime, step: Step, text: string): void {
  rt.view.progress({ kind: 'note', step: step.id, text })
}

/** It may still run where it was started: nothing more is undone until that is known. */
async function undoLost(rt: Runtime, step: Step, part: number, reason: string): Promise<boolean> {
  if (stepState(rt.journal.state, step.id).status !== 'in_doubt')
    await rt.journal.record({ type: 'undo.in_doubt', step: step.id, part, reason })
  halt(rt, { kind: 'undo_failed', step })
  return false
}
