/** A lock between commands of one machine that ends with its holder, however that ends. */
import { setTimeout as sleep } from 'node:timers/promises'

/** SQLite's word for: somebody else has it. */
const BUSY = 5

/**
 * Takes the lock and gives what releases it; undefined when somebody has it. A lock file with a process
 * number in it would need guesses about holders that died; what the system locks it also unlocks.
 */
export function takeFileLock(path: string): (() => void) | undefined {
  const { DatabaseSync } = process.getBuiltinModule('node:sqlite')
  const file = new DatabaseSync(path)
  try {
    file.exec('BEGIN EXCLUSIVE')
  } catch (error) {
    file.close()
    if ((error as { errcode?: number }).errcode !== BUSY) throw error
    return undefined
  }
  return () => {
    file.close()
  }
}

/**
 * Does something while no other process does it under the same lock file.
 * @param waiting is called each time that somebody else has it; what it throws ends the wait
 */
export async function withFileLock<T>(
  path: string,
  work: () => Promise<T>,
  waiting: (tries: number) => void = () => {},
): Promise<T> {
  let release = takeFileLock(path)
  for (let tries = 0; release === undefined; tries++) {
    waiting(tries)
    await sleep(50)
    release = takeFileLock(path)
  }
  try {
    return await work()
  } finally {
    release()
  }
}
