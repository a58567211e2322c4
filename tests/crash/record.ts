/** What the journal of a root holds, read without the tool. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Event } from '../../src/core/events.ts'
import { fold, type RunState } from '../../src/core/state.ts'
import { openSqlite } from '../../src/stores/sqlite.ts'
import type { Lock, Store } from '../../src/stores/store.ts'

export interface RecordOfRun {
  events: Event[]
  state: RunState
}

/** Does something with the journal of a root. */
export async function withStore<T>(root: string, work: (store: Store) => Promise<T>): Promise<T> {
  const store = openSqlite(join(root, '.runbook/journal.db'))
  try {
    return await work(store)
  } finally {
    await store.close()
  }
}

/** The newest run's status, and that of each step that was come to, as one line. */
export async function newestIn(root: string): Promise<[status: string, steps: string]> {
  const state = (await recordOf(root)).runs[0]?.state
  const steps = [...(state?.steps.values() ?? [])].map(({ id, status }) => `${id} ${status}`)
  return [state?.status ?? 'none', steps.join(', ')]
}

/** All runs, newest first, their chains verified, and the locks that are held. */
export async function recordOf(root: string): Promise<{ runs: RecordOfRun[]; locks: Lock[] }> {
  if (!existsSync(join(root, '.runbook/journal.db'))) return { runs: [], locks: [] }
  return withStore(root, async (store) => {
    const runs: RecordOfRun[] = []
    for (const { run } of await store.runs()) {
      const events = await store.events(run)
      runs.push({ events, state: fold(events) })
    }
    return { runs, locks: await store.locks() }
  })
}
