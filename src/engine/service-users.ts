/** Which commands use the services of an environment. */
import { randomBytes } from 'node:crypto'
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { ProcessIdentity } from '../core/events.ts'
import { privateFolder, readPrivate, replacePrivate } from '../lib/private-files.ts'
import { alive, bootId, self } from '../lib/processes.ts'

type User = ProcessIdentity & {
  /** It drives a run: an action that it started may outlive it. */
  drives?: true
}

export interface Users {
  /** This command, by the name of its file. */
  add(): string
  drives(file: string): void
  remove(file: string): void
  /** Those whose process lives, and those that drove a run and died. The files of all others go. */
  count(): { living: number; left: number }
  /** What the dead left has come to its end, or is given up. */
  settle(): void
}

/** A file for each in the folder; all but `drives` are asked under the lock of the services only. */
export function usersOf(folder: string): Users {
  const users = privateFolder(join(folder, 'users'))
  const drop = (file: string) => {
    rmSync(join(users, file), { force: true })
  }
  const write = (file: string, user: User) => {
    replacePrivate(join(users, file), JSON.stringify(user))
  }
  const kindOf = (file: string): 'living' | 'left' | 'gone' => {
    try {
      const user = JSON.parse(readPrivate(join(users, file))?.toString('utf8') ?? '') as User
      if (alive(user)) return 'living'
      // No action outlives the machine.
      return user.drives === true && user.boot === bootId() ? 'left' : 'gone'
    } catch {
      return 'gone'
    }
  }
  const are = (kind: ReturnType<typeof kindOf>) =>
    readdirSync(users).filter((file) => kindOf(file) === kind)
  return {
    add() {
      const file = `${process.pid}-${randomBytes(4).toString('hex')}`
      write(file, self())
      return file
    },
    drives(file) {
      write(file, { ...self(), drives: true })
    },
    remove: drop,
    count() {
      are('gone').forEach(drop)
      return { living: are('living').length, left: are('left').length }
    },
    settle() {
      are('left').forEach(drop)
    },
  }
}
