/** Opens the journal for one command, and closes it again, however the command ends. */
import { openSession, type Session } from '../engine/session.ts'
import { findRoot } from '../language/find.ts'
import type { StoreFlags } from './flags.ts'

/** With the journal of the project that one stands in, or of another root. */
export async function withSession<T>(
  { store }: StoreFlags,
  work: (session: Session) => Promise<T>,
  root = findRoot(process.cwd()),
): Promise<T> {
  const session = openSession(root, store)
  try {
    return await work(session)
  } finally {
    await session.store.close()
  }
}
