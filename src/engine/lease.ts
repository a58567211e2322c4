/** The lease of the process that drives a run: a heartbeat, and what happens when it is lost. */
import { setTimeout as sleep } from 'node:timers/promises'
import { EXIT, failure, type RunbookError } from '../core/errors.ts'
import type { Plan } from '../core/plan.ts'
import { fold, type RunState } from '../core/state.ts'
import { canGoOn } from '../core/undo.ts'
import { formatDuration } from '../core/durations.ts'
import { LEASE_MS, type Lease, type Lock, type Store } from '../stores/store.ts'
import { findRun, isDead, isUnfinished, type Session } from './session.ts'

/** Keeps a lease alive until stopped. `onLost` is called once, when somebody else has taken the run. */
export function heartbeat(store: Store, lease: Lease, onLost: () => void): { stop: () => void } {
  const timer = setInterval(() => {
    void store.beat(lease.run, lease.epoch).then(
      (kept) => {
        if (!kept) {
          clearInterval(timer)
          onLost()
        }
      },
      // A store that does not answer now may answer at the next beat; appends tell the truth.
      () => undefined,
    )
  }, LEASE_MS / 3)
  timer.unref()
  return {
    stop: () => {
      clearInterval(timer)
    },
  }
}

/** Takes a run for this process; from a dead holder without asking. Throws exit 7 when it is driven. */
export async function takeRun({ store, actor }: Session, run: string): Promise<Lease> {
  const answer = await store.take(run, actor, isDead)
  if ('taken' in answer) return answer.taken
  if ('busy' in answer) throw await busy(store, answer.busy)
  throw await busy(store, { name: '', run, lease: answer.held })
}

/**
 * Frees the lock of a run that is over and whose process died before it could. False when the run is
 * not over, or somebody lives who drives it.
 */
async function freeLeftover(session: Session, { run }: Lock): Promise<boolean> {
  const { store, actor } = session
  const known = await findRun(store, { run })
  if (known === undefined || isUnfinished(known)) return false
  const answer = await store.take(run, actor, isDead)
  if (!('taken' in answer)) return false
  await store.release(run, answer.taken.epoch, true)
  return true
}

/** The name of the lock that a run of the plan needs. */
export function lockOf({ runbook, environment }: Plan): string {
  return environment.lock ?? `${runbook}/${environment.name}`
}

/**
 * Asks whether a deploy would get its lock, before anything is touched for it. With `fresh` an
 * unfinished run that nobody drives is no obstacle, since it will be given up. Throws exit 7.
 */
export async function demandFree(
  session: Session,
  plan: Plan,
  until: number,
  fresh: boolean,
): Promise<void> {
  const { runbook, environment } = plan
  await untilFree(session, until, async () => {
    const lock = (await session.store.locks()).find(({ name }) => name === lockOf(plan))
    if (lock === undefined) return {}
    const own = await session.store.runs({ runbook, environment: environment.name })
    const givesWay = fresh && !isDriven(lock) && own.some(({ run }) => run === lock.run)
    return givesWay ? {} : { busy: lock }
  })
}

/** Whether somebody drives the run that has the lock, as far as one can know. */
export function isDriven({ lease }: Lock): boolean {
  return lease !== undefined && !isDead(lease.holder) && Date.parse(lease.expires) > Date.now()
}

/** Does what needs a lock as soon as it is free. Throws exit 7 when it is not in time. */
export async function untilFree<T extends object>(
  session: Session,
  until: number,
  work: () => Promise<T | { busy: Lock }>,
): Promise<Exclude<T, { busy: unknown }>> {
  for (;;) {
    const done = await work()
    if (!('busy' in done)) return done as Exclude<T, { busy: unknown }>
    if (await freeLeftover(session, done.busy)) continue
    const left_ms = until - performance.now()
    if (left_ms <= 0) throw await busy(session.store, done.busy)
    await sleep(Math.min(500, left_ms))
  }
}

/** The error of exit 7: who has the lock, since when, doing what, and what one can do. */
async function busy(store: Store, lock: Lock): Promise<RunbookError> {
  const state = fold(await store.events(lock.run))
  const { lease } = lock
  const doing = [...state.steps.values()].filter(
    (s) => s.status === 'running' || s.status === 'in_doubt' || s.status === 'failed',
  )
  const dead = lease !== undefined && isDead(lease.holder)
  const at = doing.map((s) =>
    // Of the dead nobody can say that it runs.
    dead && s.status === 'running' ? s.id : `${s.id} (${s.status.replace('_', ' ')})`,
  )
  const what = at.length === 0 ? '' : `, at step ${at.join(', ')}`
  const ago = (iso: string) => `${formatDuration(Math.max(0, Date.now() - Date.parse(iso)))} ago`
  const target = `${state.runbook} in ${state.environment}`
  if (lease !== undefined) {
    const { user, host, process } = lease.holder
    if (dead)
      return failure(
        EXIT.busy,
        `${target} has an unfinished run ${lock.run}: driven by ${user}@${host} (process ${process.pid}) since ${lease.since} (${ago(lease.since)}), which is dead${what}`,
        { hint: canGoOn(state) ? goOn(state) : waysOut(state).join('\n') },
      )
    return failure(
      EXIT.busy,
      `${target} is held by run ${lock.run}: ${user}@${host} (pid ${process.pid}) has been driving it since ${lease.since} (${ago(lease.since)})${what}`,
      {
        hint: `watch it: runbook status ${lock.run}`,
      },
    )
  }
  return failure(
    EXIT.busy,
    `${target} has an unfinished run ${lock.run}: ${state.status.replaceAll('_', ' ')} since ${state.updated_at} (${ago(state.updated_at)}), begun by ${state.by.user}@${state.by.host}${what}`,
    { hint: [...(canGoOn(state) ? [goOn(state)] : []), ...waysOut(state)].join('\n') },
  )
}

const goOn = ({ run }: RunState) => `go on with it: runbook resume ${run}`

function waysOut({ run, status }: RunState): string[] {
  const what = status === 'partly_rolled_back' ? 'undo the rest' : 'undo it'
  return [`${what}: runbook rollback ${run}`, `give it up: runbook abandon ${run} --reason "…"`]
}
