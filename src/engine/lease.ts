/** The lease of the process that drives a run: a heartbeat, and what happens when it is lost. */
import { EXIT, failure, type RunbookError } from '../core/errors.ts'
import { fold } from '../core/state.ts'
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
export async function freeLeftover(session: Session, { run }: Lock): Promise<boolean> {
  const { store, actor } = session
  const known = await findRun(store, { run })
  if (known === undefined || isUnfinished(known)) return false
  const answer = await store.take(run, actor, isDead)
  if (!('taken' in answer)) return false
  await store.release(run, answer.taken.epoch, true)
  return true
}

/** The error of exit 7: who has the lock, since when, doing what, and what one can do. */
export async function busy(store: Store, lock: Lock): Promise<RunbookError> {
  const state = fold(await store.events(lock.run))
  const { lease } = lock
  const doing = [...state.steps.values()].filter((s) => s.status === 'running' || s.status === 'in_doubt' || s.status === 'failed')
  const what = doing.length === 0 ? '' : `, at step ${doing.map((s) => `${s.id} (${s.status.replace('_', ' ')})`).join(', ')}`
  const ago = (iso: string) => `${formatDuration(Math.max(0, Date.now() - Date.parse(iso)))} ago`
  const target = `${state.runbook} in ${state.environment}`
  if (lease !== undefined && !isDead(lease.holder)) {
    const { user, host, process } = lease.holder
    return failure(EXIT.busy, `${target} is held by run ${lock.run}: ${user}@${host} (pid ${process.pid}) has been driving it since ${lease.since} (${ago(lease.since)})${what}`, {
      hint: `watch it: runbook status ${lock.run}`,
    })
  }
  return failure(
    EXIT.busy,
    `${target} has an unfinished run ${lock.run}: ${state.status.replaceAll('_', ' ')} since ${state.updated_at} (${ago(state.updated_at)}), begun by ${state.by.user}@${state.by.host}${what}`,
    { hint: `go on with it: runbook resume ${lock.run}\nundo it: runbook rollback ${lock.run}\ngive it up: runbook abandon ${lock.run} --reason "…"` },
  )
}
