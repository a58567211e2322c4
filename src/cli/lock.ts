import type { Command } from 'commander'
import { isDriven } from '../engine/lease.ts'
import { isDead, loadRun, type Session } from '../engine/session.ts'
import type { Lock } from '../stores/store.ts'
import { locksText, type HeldLock } from '../views/tables.ts'
import { examples } from './flags.ts'
import { print } from './print.ts'
import { readingFlags, type ReadingFlags } from './reading.ts'
import { withSession } from './session.ts'

export function define(command: Command): void {
  examples(command, 'runbook lock status', 'runbook lock status -o json')
  const status = command
    .command('status', { isDefault: true })
    .description('Which unfinished runs hold a lock, and who drives them')
  readingFlags(status)
  examples(status, 'runbook lock status', 'runbook lock status -o json')
  status.action((flags: ReadingFlags) =>
    withSession(flags, async (session) => {
      const locks = await Promise.all(
        (await session.store.locks()).map((lock) => held(session, lock)),
      )
      print(flags, (look) => locksText(locks, look), locks)
    }),
  )
}

async function held({ store, actor }: Session, lock: Lock): Promise<HeldLock> {
  const { name, run, lease } = lock
  const head = (await store.runs()).find((r) => r.run === run)
  const state = head === undefined ? undefined : (await loadRun(store, head)).state
  const doing = [...(state?.steps.values() ?? [])]
    .filter((s) => s.status === 'running')
    .map((s) => s.id)
  return {
    name,
    run,
    ...(state !== undefined && { status: state.status }),
    ...(doing.length > 0 && { doing: doing.join(', ') }),
    ...(lease !== undefined && {
      holder: lease.holder,
      since: lease.since,
      driven: isDriven(lock),
      ...(lease.holder.host === actor.host && { alive: !isDead(lease.holder) }),
    }),
  }
}
