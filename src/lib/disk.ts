/** What a disk refuses: it is full, read-only, damaged, or somebody else's. */
import { EXIT, failure } from '../core/errors.ts'

/** Does what needs the disk at `place`. What the disk refuses is thrown as exit 12, which says where. */
export function onDisk<T>(place: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    const { syscall, message } = error as NodeJS.ErrnoException
    if (syscall === undefined) throw error
    throw failure(EXIT.store, `${place} cannot be used: ${message}`, {
      hint: 'make room or give yourself the rights, then give the same command again',
      cause: error,
    })
  }
}
