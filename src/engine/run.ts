/**
 * Deploy, resume and roll back are one engine and two differences: what is still to do, and what is to
 * be undone. A run that turns round says so durably before its first undo; from then on it only goes
 * backwards.
 */
import { EXIT, type ExitCode } from '../core/errors.ts'
import type { RunStatus } from '../core/events.ts'
import { batches, byStep, idInRunbook } from '../core/hosts.ts'
import { ordinaryParts } from '../core/last-resort.ts'
import { nextForStep, stepsToDo } from '../core/next.ts'
import type { OnFailure, Step } from '../core/runbook.ts'
import { stepState } from '../core/state.ts'
import { firstDue, heldUpBy } from '../core/waiting.ts'
import {
  hasSomethingToUndo,
  requestOf,
  stepsToUndo,
  type StepToUndo,
  type UndoRequest,
} from '../core/undo.ts'
import { drive, type Group } from './drive.ts'
import { halt, type Runtime } from './runtime.ts'
import { runStep } from './step.ts'
import { undoStep } from './undoing.ts'
import { recordWaiting, stayUntil } from './waiting.ts'

/** Goes on in the direction in which the run goes. Returns the exit code of the command. */
export async function proceed(rt: Runtime): Promise<ExitCode> {
  const { state } = rt.journal
  if (state.direction === 'forward') return goForward(rt)
  return goBack(rt, requestOf(state), state.rollback?.automatic ?? false)
}

async function goForward(rt: Runtime): Promise<ExitCode> {
  while (await drivesOn(rt)) rt.halt = undefined
  const stopped = rt.halt
  if (stopped === undefined) return conclude(rt, 'succeeded', EXIT.ok)
  switch (stopped.kind) {
    case 'paused':
      return pause(rt)
    case 'in_doubt':
      return settle(
        rt,
        'in_doubt',
        rt.stop.asked() === undefined ? EXIT.in_doubt : rt.stop.exitCode(),
        stopped.reason,
      )
    case 'waiting':
      await recordWaiting(rt, stopped.reason)
      return EXIT.waiting
    case 'needs_retry':
      return settle(
        rt,
        'failed',
        EXIT.failed,
        `step ${stopped.step.id} failed and must not run twice without a person's word`,
      )
    case 'precondition':
      return conclude(
        rt,
        'failed',
        EXIT.precondition,
        `step ${stopped.step.id}: ${stopped.message}`,
      )
    case 'failed':
      return afterFailure(rt, stopped.step, stopped.then)
    case 'undo_failed':
      return conclude(rt, 'rollback_failed', EXIT.rollback_failed)
    case 'broken':
      throw stopped.error
  }
}

/** Takes every step as far as it goes. True: it stayed until a timer was due, and there is more to do. */
async function drivesOn(rt: Runtime): Promise<boolean> {
  rt.waiting.clear()
  await drive(rt, forwardGroups(rt))
  const [held] = heldUpBy(rt.plan, rt.journal.state)
  const step = rt.plan.steps.find(({ id }) => id === held?.id)
  if (rt.waiting.size > 0 && step !== undefined)
    halt(rt, { kind: 'waiting', step, reason: held?.reason ?? '' })
  const due = firstDue(heldUpBy(rt.plan, rt.journal.state))
  if (rt.halt?.kind !== 'waiting' || !rt.attached || due === undefined) return false
  await recordWaiting(rt, rt.halt.reason)
  const isDue = await stayUntil(rt, due)
  if (isDue) await rt.journal.record({ type: 'run.resumed', by: rt.actor })
  else rt.halt = { kind: 'paused' }
  return isDue
}

/** Turns round, or stops where it stands. */
async function afterFailure(
  rt: Runtime,
  step: Step,
  then: 'stop' | 'undo' | 'rollback',
): Promise<ExitCode> {
  if (then === 'stop') return conclude(rt, 'failed', EXIT.failed)
  rt.halt = undefined
  if (then === 'rollback') {
    const why = `step ${step.id} failed`
    await rt.journal.record({ type: 'run.rolling_back', why, automatic: true })
    return goBack(rt, {}, true)
  }
  const mine = toUndo(rt, {}).filter((u) => failedWith(rt, step, u.step))
  if (mine.length > 0)
    await drive(rt, [
      {
        title: `Undo of ${step.title}`,
        concurrent: 1,
        items: mine.map((u) => item(u.step, async () => void (await undoStep(rt, u)))),
      },
    ])
  if (halted(rt)?.kind === 'undo_failed')
    return conclude(rt, 'rollback_failed', EXIT.rollback_failed)
  if (halted(rt) !== undefined) return pause(rt)
  return conclude(rt, 'failed', EXIT.failed)
}

/** The step that failed, or the same on another host of its batch that failed too. */
function failedWith(rt: Runtime, step: Step, other: Step): boolean {
  const same = idInRunbook(other) === idInRunbook(step)
  return same && stepState(rt.journal.state, other.id).status === 'failed'
}

/** Undoes, newest first, one at a time, each undo verified. `automatic`: nobody commanded it. */
export async function goBack(
  rt: Runtime,
  request: UndoRequest,
  automatic: boolean,
): Promise<ExitCode> {
  const steps = toUndo(rt, request)
  await drive(rt, [
    {
      title: 'Rollback',
      concurrent: 1,
      items: steps.map((u) => item(u.step, async () => void (await undoStep(rt, u)))),
    },
  ])
  const stopped = rt.halt
  if (stopped?.kind === 'undo_failed') return conclude(rt, 'rollback_failed', EXIT.rollback_failed)
  if (stopped?.kind === 'broken') throw stopped.error
  if (stopped !== undefined) return pause(rt)
  const left = hasSomethingToUndo(rt.plan, rt.journal.state)
  return conclude(
    rt,
    left ? 'partly_rolled_back' : 'rolled_back',
    automatic ? EXIT.rolled_back : EXIT.ok,
  )
}

function toUndo(rt: Runtime, request: UndoRequest): StepToUndo[] {
  return stepsToUndo(rt.plan, rt.journal.state, request)
}

function forwardGroups(rt: Runtime): Group[] {
  const todo = new Set(stepsToDo(rt.plan, rt.journal.state).map((step) => step.id))
  const byId = new Map(rt.plan.steps.map((step) => [step.id, step]))
  return rt.plan.phases.flatMap((phase) => {
    const steps = phase.steps.flatMap((id) => (todo.has(id) ? (byId.get(id) ?? []) : []))
    return steps.length === 0
      ? []
      : [
          {
            title: phase.title,
            concurrent: phase.concurrent,
            items: byStep(steps).map((own) => itemOf(rt, own, (step) => forward(rt, step))),
          },
        ]
  })
}

function item(step: Step, run: () => Promise<void>) {
  return { id: step.id, title: step.title, run }
}

/** A step; on hosts so many at a time, and none more once the run is to go no further. */
function itemOf(
  rt: Runtime,
  steps: readonly [Step, ...Step[]],
  run: (step: Step) => Promise<void>,
): ReturnType<typeof item> {
  const [first] = steps
  const one = { ...first, id: idInRunbook(first), title: first.on?.title ?? first.title }
  return item(one, async () => {
    for (const batch of batches(steps, first.hosts?.batch ?? 1)) {
      if (rt.halt === undefined && rt.stop.asked() !== undefined) halt(rt, { kind: 'paused' })
      if (rt.halt !== undefined) return
      const ends = await Promise.allSettled(batch.map(run))
      const broken = ends.find((end) => end.status === 'rejected')
      if (broken !== undefined) throw broken.reason
    }
  })
}

/** One step on the way forward, with the person's word when it fails. */
async function forward(rt: Runtime, step: Step): Promise<void> {
  if (rt.waiting.size > 0 && !rt.waiting.has(step.phase)) return
  for (;;) {
    const next = nextForStep(step, rt.journal.state.steps.get(step.id), rt.retry)
    if (next === 'undo' && !(await undoFirst(rt, step))) return
    // It failed, and the tool died or nobody answered before what a failure leads to was done.
    const unanswered = next === 'needs_retry' && rt.crashed && !wasInterrupted(rt, step)
    if (!unanswered && (await runStep(rt, step)) !== 'failed') return
    if (wasInterrupted(rt, step)) {
      halt(rt, { kind: 'paused' })
      return
    }
    const then = await decide(rt, step)
    if (then !== 'retry') {
      halt(rt, { kind: 'failed', step, then })
      return
    }
    rt.retry.add(step.id)
  }
}

/** A person ended it, who wants the run to stop here, whatever a failure leads to. */
function wasInterrupted(rt: Runtime, step: Step): boolean {
  return stepState(rt.journal.state, step.id).failure?.reason === 'interrupted'
}

/** A person answered `--undo`, or an undo of this step was interrupted: it comes before anything else. */
async function undoFirst(rt: Runtime, step: Step): Promise<boolean> {
  if (step.rollback.kind !== 'undo') return true
  const undos = ordinaryParts(step, stepState(rt.journal.state, step.id))
  return undoStep(rt, { step, undos, covers: [] })
}

/** What to do about a failed step: the document's word, a person's where it says `ask`. */
async function decide(rt: Runtime, step: Step): Promise<'stop' | 'undo' | 'rollback' | 'retry'> {
  const { failure: failed } = stepState(rt.journal.state, step.id)
  // Of what was watched during it one could not tell, or of its check.
  const untold = failed?.reason === 'during_failed' && failed.asked?.answer === 'cannot_tell'
  const policy: OnFailure =
    failed?.reason === 'inconclusive' || untold || step.rollback.kind === 'irreversible'
      ? 'stop'
      : step.on_failure
  if (policy === 'ask' && rt.view.choose !== undefined) {
    return rt.view.choose(`${step.title} failed. What now?`, [
      { value: 'retry', label: 'Run this step again' },
      { value: 'undo', label: 'Undo this step and stop' },
      { value: 'rollback', label: 'Roll back everything this run started' },
      { value: 'stop', label: 'Stop here and leave things as they are' },
    ])
  }
  if (policy === 'ask') return 'stop'
  if (policy === 'undo' || policy === 'rollback')
    return mayUndoAlone(rt, step, policy) ? policy : 'stop'
  return policy
}

/** Never across an irreversible step, and where it is protected never what loses data. */
function mayUndoAlone(rt: Runtime, step: Step, policy: 'undo' | 'rollback'): boolean {
  try {
    const steps = toUndo(rt, {}).filter((u) => policy === 'rollback' || u.step.id === step.id)
    const loses = steps.flatMap((u) => u.undos.flatMap(({ undo }) => undo.loses ?? []))
    if (!rt.plan.environment.protected || loses.length === 0) return true
    rt.view.progress({
      kind: 'note',
      step: step.id,
      text: `not rolled back by itself: it would lose data in a protected environment (${loses.join(' ')})`,
    })
  } catch (error) {
    rt.view.progress({
      kind: 'note',
      step: step.id,
      text: `not rolled back by itself: ${error instanceof Error ? error.message : String(error)}`,
    })
  }
  return false
}

/** The end: `finally` first, then the run's last word. */
async function conclude(
  rt: Runtime,
  status: RunStatus,
  exit: ExitCode,
  reason?: string,
): Promise<ExitCode> {
  await runFinally(rt, status)
  return settle(rt, status, exit, reason)
}

async function settle(
  rt: Runtime,
  status: RunStatus,
  exit_code: ExitCode,
  reason?: string,
): Promise<ExitCode> {
  await rt.journal.record({
    type: 'run.finished',
    status,
    exit_code,
    ...(reason !== undefined && { reason }),
  })
  return exit_code
}

async function pause(rt: Runtime): Promise<ExitCode> {
  await rt.journal.record({ type: 'run.paused', reason: rt.stop.asked() ?? 'interrupted' })
  return rt.stop.exitCode()
}

/** The steps of `finally` run in every case, and what they come to changes nothing of how the run ended. */
async function runFinally(rt: Runtime, status: RunStatus): Promise<void> {
  if (rt.plan.finally.length === 0 || rt.stop.asked() !== undefined) return
  const ended = rt.halt
  rt.halt = undefined
  rt.ending = status
  await drive(rt, [
    {
      title: 'Finally',
      concurrent: 1,
      items: byStep(rt.plan.finally).map((steps) =>
        itemOf(rt, steps, async (step) => {
          const end = await runStep(rt, step)
          const why = stepState(rt.journal.state, step.id).failure?.message ?? ''
          if (end !== 'over')
            rt.view.progress({
              kind: 'note',
              step: step.id,
              text: `a step of finally did not work: ${why}`,
            })
          if (rt.halt?.kind !== 'broken') rt.halt = undefined
        }),
      ),
    },
  ])
  rt.ending = undefined
  rt.halt = ended
}

/** Narrowing would otherwise believe that nothing set it meanwhile. */
function halted(rt: Runtime): Runtime['halt'] {
  return rt.halt
}
