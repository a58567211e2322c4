/** The main verbs, each as the operator's own list. */
import { randomBytes } from 'node:crypto'
import { describeAsked } from '../core/asked.ts'
import { EXIT, failure, type ExitCode } from '../core/errors.ts'
import { selectedSteps } from '../core/compile.ts'
import { planSha256 } from '../core/plan.ts'
import type { OnFailure } from '../core/runbook.ts'
import { fold, type RunState } from '../core/state.ts'
import { isFinished, stepsToUndo, type UndoRequest } from '../core/undo.ts'
import type { View } from '../core/view.ts'
import { hangUp } from '../lib/ssh.ts'
import { coolDown, keepWarm } from '../lib/warm.ts'
import type { Lease } from '../stores/store.ts'
import { askChecks } from './ask.ts'
import { goBack } from './back.ts'
import { isSecret } from './bind-inputs.ts'
import { heartbeat, lockOf, takeRun, untilFree } from './lease.ts'
import { scrubHosts, scrubRun } from './leftovers.ts'
import { openOutputs } from './outputs.ts'
import { demandBackups } from './backups.ts'
import { askingOutsideARun } from './outside.ts'
import { processEnvironment } from './process-environment.ts'
import { recorder } from './recorder.ts'
import { proceed } from './run.ts'
import type { Bound, Runtime } from './runtime.ts'
import type { KnownRun, Session } from './session.ts'
import { demandGoingOn } from './stop.ts'

export interface Ended {
  exit: ExitCode
  state: RunState
}

export interface DeployWishes {
  tool: string
  /** How long to wait for the lock, on the clock of `performance.now()`. */
  lockUntil: number
  /** The sandbox was made anew for this: what earlier runs did in it is gone. */
  fresh: boolean
  onFailure: OnFailure | undefined
  fingerprints: Record<string, string>
  /** The run in another environment that proved what is deployed. */
  buildsOn: string | undefined
  /** Stays when the run waits for a time. */
  attached: boolean
  /** Names of the inputs that were given with `--var`. */
  vars: readonly string[]
}

export interface ResumeWishes {
  /** Failed `once` steps that may run again. */
  retry: readonly string[]
  /** The hash of the plan that the run changes to. */
  replanned?: string
  attached: boolean
}

/** Asks the preconditions, takes the lock with a new run, and drives it to its end. */
export async function deploy(
  session: Session,
  bound: Bound,
  view: View,
  ask: Runtime['ask'],
  wishes: DeployWishes,
): Promise<Ended> {
  await demandRequirements(bound, ask, wishes.fresh)
  const { plan } = bound
  const plan_sha256 = planSha256(plan)
  const id = newRunId()
  const lock = lockOf(plan)
  const vars = wishes.vars.filter((name) => !isSecret(plan.inputs[name]))
  const made = await untilFree(session, wishes.lockUntil, () => {
    demandGoingOn(bound.stop)
    return session.store.create({
      id,
      lock,
      plan,
      plan_sha256,
      holder: session.actor,
      first: {
        type: 'run.created',
        runbook: plan.runbook,
        environment: plan.environment.name,
        plan_sha256,
        lock,
        partial: plan.selection !== undefined,
        by: session.actor,
        ...(wishes.onFailure !== undefined && { on_failure: wishes.onFailure }),
        tool: wishes.tool,
        fingerprints: wishes.fingerprints,
        ...(wishes.buildsOn !== undefined && { builds_on: wishes.buildsOn }),
        ...(vars.length > 0 && { vars }),
      },
    })
  })
  const state = fold(made.events)
  view.start(plan, state, 'deploy')
  for (const event of made.events) view.event(event, state)
  return drivenRun(session, bound, view, ask, made.created, state, (rt) => {
    rt.attached = wishes.attached
    return proceed(rt)
  })
}

/** Goes on where the journal says a run stands, in the direction in which it goes. */
export async function resume(
  session: Session,
  bound: Bound,
  view: View,
  ask: Runtime['ask'],
  run: KnownRun,
  { retry, replanned, attached }: ResumeWishes,
): Promise<Ended> {
  demandGoingOn(bound.stop)
  const lease = await takeRun(session, run.state.run)
  view.start(bound.plan, run.state, 'resume')
  return drivenRun(session, bound, view, ask, lease, run.state, async (rt) => {
    rt.attached = attached
    for (const step of retry) rt.retry.add(step)
    await rt.journal.record({
      type: 'run.resumed',
      by: session.actor,
      ...(replanned !== undefined && { plan_sha256: replanned }),
    })
    return proceed(rt)
  })
}

/** Turns a run round, or goes on with its undo, until all that was asked for is undone and verified. */
export async function rollback(
  session: Session,
  bound: Bound,
  view: View,
  ask: Runtime['ask'],
  run: KnownRun,
  request: UndoRequest,
): Promise<Ended> {
  const steps = stepsToUndo(run.plan, run.state, request)
  await demandBackups(bound, steps, run.state)
  demandGoingOn(bound.stop)
  const lease = await takeRun(session, run.state.run)
  view.start(bound.plan, run.state, 'rollback')
  return drivenRun(session, bound, view, ask, lease, run.state, async (rt) => {
    // Where all is undone only its end is missing, and what was told of that is not told again.
    await rt.journal.record(
      steps.length === 0
        ? { type: 'run.resumed', by: session.actor }
        : {
            type: 'run.rolling_back',
            why: `commanded by ${session.actor.user}`,
            automatic: false,
            ...request,
          },
    )
    return goBack(rt, request, false)
  })
}

async function drivenRun(
  session: Session,
  bound: Bound,
  view: View,
  ask: Runtime['ask'],
  lease: Lease,
  state: RunState,
  work: (rt: Runtime) => Promise<ExitCode>,
): Promise<Ended> {
  bound.driven?.()
  const { store } = session
  const again = state.events > 1
  const crashed = (state.status === 'running' && again) || state.status === 'paused'
  const unsettled =
    crashed || ['in_doubt', 'rolling_back', 'rollback_failed'].includes(state.status)
  const { stop } = bound
  stop.runs(`left at once; what runs may still be running. Next: runbook resume ${lease.run}`)
  const pulse = heartbeat(store, lease, () => {
    view.progress({
      kind: 'note',
      text: 'this run was taken over by another process; interrupting what runs here',
    })
    stop.now()
  })
  const journal = recorder(
    store,
    lease,
    state,
    (value) => bound.masker.maskDeep(value),
    (event, now) => {
      view.event(event, now)
    },
  )
  keepWarm(
    processEnvironment(bound, { kind: 'do', run: lease.run, attempt: 0, epoch: lease.epoch }),
    bound.root,
  )
  try {
    const outputs = openOutputs(bound, bound.plan, state)
    const rt: Runtime = {
      ...bound,
      run: lease.run,
      view,
      journal,
      ask,
      outputs,
      retry: new Set(),
      selected: selectedSteps(bound.plan),
      crashed,
      halt: undefined,
      waiting: new Set(),
      attached: false,
    }
    const exit = await work(rt)
    return { exit, state }
  } finally {
    await coolDown()
    if (unsettled) await scrubHosts(bound, state)
    hangUp()
    pulse.stop()
    stop.ends()
    await store.release(lease.run, lease.epoch, isFinished(bound.plan, state))
    if (again) scrubRun(bound, state)
    await view.end(state)
  }
}

/** Preconditions of the whole runbook. Throws exit 6: nothing was touched but a sandbox made anew. */
async function demandRequirements(
  bound: Bound,
  ask: Runtime['ask'],
  fresh: boolean,
): Promise<void> {
  const { answered } = await askChecks(
    bound,
    bound.plan.requires,
    askingOutsideARun(bound, ask, 'requires'),
  )
  demandGoingOn(bound.stop)
  const last = answered.at(-1)?.asked
  if (last === undefined || last.answer === 'holds') return
  const touched = fresh
    ? `${bound.plan.environment.name} was made anew: the data of its services is gone and its earlier runs are closed; nothing else was touched`
    : 'nothing was touched'
  throw failure(EXIT.precondition, `a precondition does not hold: ${describeAsked(last)}`, {
    hint: `${touched}; mend it and give the same command again`,
  })
}

/** Sorts by time, is short enough to say aloud, and does not collide: `20261121-063012-4f1c`. */
function newRunId(): string {
  const stamp = new Date().toISOString().replaceAll(/[-:]/g, '').replace('T', '-').slice(0, 15)
  return `${stamp}-${randomBytes(2).toString('hex')}`
}
