/**
 * The mirror of a step's life: undo_armed → undoing → undo_verifying → undone | undo_failed. An undo is
 * safe when its action did all, half or nothing, and safe to repeat; so one whose end is unknown is
 * simply run again. "Rolled back" is never said on faith: each undo is verified.
 */
import { describeAsked } from '../core/asked.ts'
import type { Answer, Asked, Failure } from '../core/events.ts'
import { isElsewhere } from '../core/hosts.ts'
import type { Step, Undo } from '../core/runbook.ts'
import { momentary } from '../core/soak.ts'
import { stepState } from '../core/state.ts'
import type { StepToUndo } from '../core/undo.ts'
import { askChecks, type Answered } from './ask.ts'
import { perform, recover, type Judged } from './attempt.ts'
import { scrubStep } from './leftovers.ts'
import { attemptFolder, halt, type Runtime } from './runtime.ts'
import { asking, role } from './roles.ts'
import { failureOf, notesOf, summary } from './telling.ts'
import { recoverFlight, unreachable } from './step.ts'

/** Undoes what is left of one step, part by part. False: it stopped, and `rt.halt` says why. */
export async function undoStep(rt: Runtime, todo: StepToUndo): Promise<boolean> {
  try {
    return await undoParts(rt, todo)
  } finally {
    await scrubStep(rt, todo.step)
  }
}

async function undoParts(rt: Runtime, { step, undos }: StepToUndo): Promise<boolean> {
  const { flight, status } = stepState(rt.journal.state, step.id)
  if (flight?.role === 'do' && flight.phase === 'armed' && step.act !== undefined) {
    // Never undo under a running action: wait for it, or learn that it never began.
    const found = await recoverFlight(rt, step, step.act)
    if (found.state === 'never') return true
    if (found.state === 'unreachable') {
      if (status !== 'in_doubt')
        await rt.journal.record({
          type: 'step.in_doubt',
          step: step.id,
          reason: unreachable(found),
        })
      halt(rt, { kind: 'undo_failed', step })
      return false
    }
    if (found.state === 'ended')
      for (const text of found.judged.outcome.notes ?? []) note(rt, step, text)
  }
  for (const { part, undo, last } of undos) {
    if (rt.stop.asked() !== undefined) {
      halt(rt, { kind: 'paused' })
      return false
    }
    if (!(await undoPart(rt, step, undo, part, last))) return false
  }
  return true
}

async function undoPart(
  rt: Runtime,
  step: Step,
  undo: Undo,
  part: number,
  last: boolean,
): Promise<boolean> {
  const { flight, status } = stepState(rt.journal.state, step.id)
  // One that was interrupted has ended, and is simply run again; on another machine that is to be asked.
  const over = status === 'in_doubt' && !(isElsewhere(step) && undo.action.verb === 'run')
  if (flight?.role === 'undo' && flight.part === part && !over) {
    if (flight.phase === 'acted' && flight.ok === true)
      return verifyUndo(rt, step, undo, part, last, flight.attempt, undefined)
    const base = role(rt, step, flight.attempt, `undo-${flight.attempt}-${part}`)
    const found = await recover(
      rt,
      undo,
      { ...base, kind: 'undo', part, gate: () => Promise.resolve() },
      ({ pid }) => {
        note(rt, step, `its undo is still running (pid ${pid}); waiting up to its timeout`)
      },
      flight.process,
    )
    if (found.state === 'unreachable') return undoLost(rt, step, part, unreachable(found))
    if (found.state === 'ended' && (status !== 'in_doubt' || found.judged.answer === 'holds'))
      return undoActed(rt, step, undo, part, last, flight.attempt, found.judged)
  }
  rt.view.progress({ kind: 'doing', step: step.id, what: 'undoing' })
  const attempt = stepState(rt.journal.state, step.id).undo_attempts + 1
  let armed = false
  const judged = await perform(rt, undo, {
    ...role(rt, step, attempt, `undo-${attempt}-${part}`),
    kind: 'undo',
    part,
    gate: async (process) => {
      const folder = attemptFolder(rt, rt.run, step.id, `undo-${attempt}-${part}`).slice(
        rt.root.length + 1,
      )
      await rt.journal.record(
        { type: 'undo.armed', step: step.id, attempt, part },
        {
          type: 'undo.started',
          step: step.id,
          attempt,
          part,
          folder,
          ...(process !== undefined && { process }),
        },
      )
      armed = true
    },
  })
  if (!armed) {
    const reason = judged.missing === undefined ? 'action_failed' : 'value_missing'
    const message =
      judged.missing === undefined
        ? (judged.reason ?? 'it could not be started')
        : `${judged.missing} was never recorded, so the undo was not run`
    return undoFailed(rt, step, part, attempt, { reason, message }, judged.duration_ms)
  }
  return undoActed(rt, step, undo, part, last, attempt, judged)
}

async function undoActed(
  rt: Runtime,
  step: Step,
  undo: Undo,
  part: number,
  last: boolean,
  attempt: number,
  judged: Judged,
): Promise<boolean> {
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
  const ok = judged.answer === 'holds'
  await rt.journal.record({
    type: 'undo.acted',
    step: step.id,
    attempt,
    part,
    ok,
    result: summary(rt, judged),
    duration_ms: judged.duration_ms,
    ...notesOf(judged),
  })
  if (!ok) {
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
  return verifyUndo(rt, step, undo, part, last, attempt, judged)
}

/** It may still run where it was started: nothing more is undone until that is known. */
async function undoLost(rt: Runtime, step: Step, part: number, reason: string): Promise<boolean> {
  if (stepState(rt.journal.state, step.id).status !== 'in_doubt')
    await rt.journal.record({ type: 'undo.in_doubt', step: step.id, part, reason })
  halt(rt, { kind: 'undo_failed', step })
  return false
}

async function verifyUndo(
  rt: Runtime,
  step: Step,
  undo: Undo,
  part: number,
  last: boolean,
  attempt: number,
  judged: Judged | undefined,
): Promise<boolean> {
  rt.view.progress({ kind: 'doing', step: step.id, what: 'verifying the undo' })
  const began = performance.now()
  const inverse = undo.verify === 'inverse'
  const checks = undo.verify === 'inverse' ? momentary(step.verify) : undo.verify
  const { answer, answered } = await askChecks(
    rt,
    checks,
    asking(rt, step, attempt, `undo-verify-${part}`, !inverse),
    inverse,
  )
  const duration_ms = Math.round((judged?.duration_ms ?? 0) + performance.now() - began)
  const asked = answered.map((a) => a.asked)
  const proven = inverse ? provenInverse(answered) : answer === 'holds'
  const verified = { type: 'undo.verified', step: step.id, attempt, part, checks: asked } as const
  if (proven) {
    await rt.journal.record(verified, {
      type: 'undo.done',
      step: step.id,
      attempt,
      part,
      last,
      duration_ms,
    })
    return true
  }
  await rt.journal.record(verified)
  return undoFailed(rt, step, part, attempt, unproven(inverse, answer, asked), duration_ms)
}

/** At least one of the step's checks does not hold, and there is none of which one cannot tell. */
function provenInverse(answered: readonly Answered[]): boolean {
  const answers = answered.map((a) => a.asked.answer)
  return answers.includes('does_not_hold') && !answers.includes('cannot_tell')
}

function unproven(inverse: boolean, answer: Answer, asked: Asked[]): Failure {
  const untold = asked.find((a) => a.answer === 'cannot_tell')
  if (untold !== undefined)
    return { reason: 'inconclusive', message: describeAsked(untold), asked: untold }
  const last = asked.at(-1)
  const message = inverse
    ? 'its checks still hold, so it is not undone'
    : last === undefined
      ? answer
      : describeAsked(last)
  return { reason: 'verify_failed', message, ...(last !== undefined && { asked: last }) }
}

async function undoFailed(
  rt: Runtime,
  step: Step,
  part: number,
  attempt: number,
  failure: Failure,
  duration_ms: number,
): Promise<boolean> {
  await rt.journal.record({
    type: 'undo.failed',
    step: step.id,
    attempt,
    part,
    failure,
    duration_ms,
  })
  halt(rt, { kind: 'undo_failed', step })
  return false
}

function note(rt: Runtime, step: Step, text: string): void {
  rt.view.progress({ kind: 'note', step: step.id, text })
}
