/** The runs that somebody is not done with: each holds its lock. */
import { isRunbookError } from '../core/errors.ts'
import type { RunHead } from '../stores/store.ts'
import { isDriven, lockOf } from './lease.ts'
import { isUnfinished, loadRun, type KnownRun, type RunReference, type Session } from './session.ts'

interface Unfinished {
  known: KnownRun
  /** The name of the lock that it holds. */
  lock: string
  driven: boolean
}

/** Those that are meant, the newest first. One whose record is damaged is known by its name alone. */
export async function unfinishedRuns(
  { store }: Session,
  { run, environment }: RunReference = {},
): Promise<{ runs: Unfinished[]; damaged: RunHead[] }> {
  const locks = new Map((await store.locks()).map((lock) => [lock.run, lock]))
  const heads = await store.runs({
    ...(run !== undefined && { runbook: run }),
    ...(environment !== undefined && { environment }),
  })
  const runs: Unfinished[] = []
  const damaged: RunHead[] = []
  for (const head of heads) {
    const lock = locks.get(head.run)
    if (lock === undefined) continue
    const known = await loadRun(store, head).catch((error: unknown) => {
      if (!isRunbookError(error)) throw error
      damaged.push(head)
      return undefined
    })
    // One that is over and whose process died before it could free its lock is in nobody's way.
    if (known === undefined || !isUnfinished(known)) continue
    runs.push({ known, lock: lock.name, driven: isDriven(lock) })
  }
  return { runs, damaged }
}

/** Whether it stands in the way of every command that would change the other run, or make a new one of it. */
export function isInTheWay({ lock }: Unfinished, { plan }: KnownRun): boolean {
  return lock === lockOf(plan)
}
