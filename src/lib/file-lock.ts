/** A lock between commands of one machine that ends with its holder, however that ends. */
import { setTimeout as sleep } from 'node:timers/promises'

/** SQLite's word for: somebody else has it. */
const BUSY = 5

/**
 * Does something while no other process does it under the same lock file. A lock file with a process
 * number in it would need guesses about holders that died; what the system locks it also unlocks.
 * @param waiting is called each time that somebody else has it; what it throws ends the wait
 */
export async function withFileLock<T>(
  path: string,
  work: () => Promise<T>,
  waiting: (tries: number) => void = () => {},
): Promise<T> {
  const { DatabaseSync } = await import('node:sqlite')
  const file = new DatabaseSync(path)
  try {
    for (let tries = 0; ; tries++) {
      try {
        file.exec('BEGIN EXCLUSIVE')
        break
      } catch (error) {
        if ((error as { errcode?: number }).errcode !== BUSY) throw error
        waiting(tries)
        await sleep(50)
      }
    }
    return await work()
  } finally {
    file.close()
  }
}
