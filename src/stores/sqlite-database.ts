/**
 * The database of the embedded store: statements kept ready, and transactions. Its write-ahead log is what
 * makes an append all or nothing, and a torn tail vanish, when the machine or the process dies.
 */
import { statSync } from 'node:fs'
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { EXIT, failure, isRunbookError } from '../core/errors.ts'
import {
  appearance,
  codeOf,
  CORRUPT,
  NOT_A_DATABASE,
  openJournal,
  type Journal,
} from './sqlite-file.ts'

type Value = string | number | null

/** Whatever goes wrong in `read` and `write` is thrown as exit 10 or 12. */
export interface Database {
  /** Work that reads at one moment: another process may write in between. It may be done again. */
  read: <T>(work: () => T) => T
  /** Work that is done as a whole or not at all, and that nobody else writes beside. */
  write: <T>(work: () => T) => T
  /** The first row, all rows, and how many rows were changed. */
  get: <T>(text: string, ...values: Value[]) => T | undefined
  all: <T>(text: string, ...values: Value[]) => T[]
  run: (text: string, ...values: Value[]) => number
  close: () => void
}

/**
 * The journal at `path`. Where there is none it has no rows, and the first `write` makes it, for its
 * owner only. Throws exit 12 for what is there and is no journal; that is left as it is.
 */
export function openDatabase(path: string): Database {
  let journal = guard(path, () => openJournal(path))

  const sql = (text: string): StatementSync | undefined => {
    if (journal === undefined) return undefined
    const { db, statements } = journal
    let statement = statements.get(text)
    if (statement === undefined) statements.set(text, (statement = db.prepare(text)))
    return statement
  }
  let isClosed = false
  const reopen = (makes = false): Journal | undefined => {
    if (isClosed) throw new Error('the journal is not open')
    return (journal ??= openJournal(path, makes))
  }
  const drop = (): void => {
    journal?.db.close()
    journal = undefined
  }
  const within = <T>({ db }: Journal, begin: string, work: () => T): T => {
    db.exec(begin)
    try {
      const result = work()
      db.exec('COMMIT')
      return result
    } catch (error) {
      rollBack(db)
      throw error
    }
  }
  const toWrite = (): Journal => {
    const journal = reopen(true)
    if (journal === undefined || journal.readOnly)
      throw failure(
        EXIT.store,
        `the journal ${path} can only be read here: it or its folder cannot be written`,
      )
    // A journal that was deleted or replaced under a running deployment still accepts writes; nobody would ever read them.
    if (statSync(path, { throwIfNoEntry: false })?.ino !== journal.ino)
      throw failure(EXIT.store, `the journal ${path} was removed or replaced while it was in use`)
    return journal
  }

  return {
    read: (work) =>
      guard(path, () => {
        for (;;) {
          const journal = reopen()
          if (journal === undefined) return work()
          const { frozen } = journal
          const isGood = () => frozen === undefined || frozen === appearance(path)
          try {
            const result = within(journal, 'BEGIN', work)
            if (isGood()) return result
          } catch (error) {
            if (isGood()) throw error
          }
          drop()
        }
      }),
    write: (work) => guard(path, () => within(toWrite(), 'BEGIN IMMEDIATE', work)),
    get: <T>(text: string, ...values: Value[]) => sql(text)?.get(...values) as T | undefined,
    all: <T>(text: string, ...values: Value[]) => (sql(text)?.all(...values) ?? []) as T[],
    run: (text, ...values) => Number(sql(text)?.run(...values).changes ?? 0),
    close: () => {
      drop()
      isClosed = true
    },
  }
}

function rollBack(db: DatabaseSync): void {
  try {
    db.exec('ROLLBACK')
  } catch {
    // SQLite has done so itself, as on a full disk; older Nodes cannot be asked.
  }
}

/** SQLite's errors become ours: a damaged file is exit 10, everything else means the store cannot be used. */
function guard<T>(path: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (isRunbookError(error)) throw error
    const code = codeOf(error)
    const damaged = code === CORRUPT || code === NOT_A_DATABASE
    throw failure(
      damaged ? EXIT.stale : EXIT.store,
      `the journal ${path} ${damaged ? 'is damaged' : 'cannot be used'}: ${(error as Error).message}`,
      { cause: error },
    )
  }
}
