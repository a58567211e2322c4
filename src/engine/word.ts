/** A person's word about a run: it only records, nothing is executed. */
import { EXIT, failure } from '../core/errors.ts'
import { stepsNamed } from '../core/hosts.ts'
import { didYouMean } from '../core/problems.ts'
import type { NewEvent } from '../core/events.ts'
import type { Plan } from '../core/plan.ts'
import type { RunState } from '../core/state.ts'
import { hasSomethingToUndo } from '../core/undo.ts'
import { takeRun } from './lease.ts'
import { recorder } from './recorder.ts'
import { canBeUndone, isUnfinished, loadRun, type KnownRun, type Session } from './session.ts'

/** Says what became of a step in doubt. Throws exit 2 when the step is not in doubt. */
export async function resolveStep(
  session: Session,
  run: KnownRun,
  step: string,
  as: 'done' | 'not_done' | 'undo',
  reason: string,
): Promise<RunState> {
  const known = run.plan.steps.find((s) => s.id === step)
  if (known === undefined) {
    const hosts = stepsNamed(run.plan.steps, step).map((s) => s.id)
    const near = didYouMean(
      step,
      run.plan.steps.map((s) => s.id),
    )
    const hint = hosts.length > 0 ? `it runs on hosts; say which: ${hosts.join(', ')}` : near
    throw failure(
      EXIT.usage,
      `run ${run.state.run} has no step "${step}"`,
      hint === undefined ? {} : { hint },
    )
  }
  const status = run.state.steps.get(step)?.status ?? 'pending'
  const hint = `see where things stand: runbook status ${run.state.run}`
  if (status !== 'in_doubt' && status !== 'undo_failed') {
    throw failure(
      EXIT.usage,
      `step "${step}" of run ${run.state.run} is not in doubt: it is ${status.replace('_', ' ')}`,
      { hint },
    )
  }
  if (status === 'undo_failed' && as !== 'done') {
    throw failure(
      EXIT.usage,
      `the undo of step "${step}" failed; once it is undone by hand the answer is --done`,
      { hint: `to run the undo again: runbook rollback ${run.state.run}` },
    )
  }
  if (as === 'undo' && known.rollback.kind !== 'undo') {
    throw failure(EXIT.usage, `step "${step}" has nothing that undoes it`, {
      hint: 'answer --done or --not-done',
    })
  }
  return say(session, run, { type: 'step.resolved', step, as, reason, by: session.actor }, false)
}

/** Gives a run up as it stands: its lock is free, nothing is undone. Throws exit 2 when it is over. */
export async function abandon(session: Session, run: KnownRun, reason: string): Promise<RunState> {
  if (!isUnfinished(run))
    throw failure(
      EXIT.usage,
      `run ${run.state.run} is over already: ${run.state.status.replaceAll('_', ' ')}`,
    )
  return say(
    session,
    run,
    { type: 'run.finished', status: 'abandoned', exit_code: 0, reason },
    true,
  )
}

/**
 * Before a sandbox is made anew: gives up every run of its runbook and environment that could still be
 * gone on with or undone, and tells of each. Throws exit 7 when another run has the lock.
 */
export async function closeRuns(
  session: Session,
  { runbook, environment }: Pick<Plan, 'runbook' | 'environment'>,
  tell: (text: string) => void,
): Promise<void> {
  const { name } = environment
  const reason = 'the sandbox was made anew'
  for (const head of await session.store.runs({ runbook, environment: name })) {
    const run = await loadRun(session.store, head)
    if (!isUnfinished(run) && !canBeUndone(run)) continue
    const event = { type: 'run.finished', status: 'abandoned', exit_code: 0, reason } as const
    await say(session, run, event, true)
    tell(`run ${head.run} is closed: ${name} is made anew`)
  }
}

/** What an abandoned run leaves behind, for a person to know. */
export function leftBehind({ plan, state }: KnownRun): boolean {
  return hasSomethingToUndo(plan, state)
}

async function say(
  session: Session,
  { state }: KnownRun,
  event: NewEvent,
  over: boolean,
): Promise<RunState> {
  const lease = await takeRun(session, state.run)
  try {
    await recorder(
      session.store,
      lease,
      state,
      (value) => value,
      () => undefined,
    ).record(event)
    return state
  } finally {
    await session.store.release(lease.run, lease.epoch, over)
  }
}
