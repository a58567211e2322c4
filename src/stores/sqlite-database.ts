/**
 * The file of the embedded store: its tables, statements kept ready, and transactions. Its write-ahead
 * log is what makes an append all or nothing, and a torn tail vanish, when the machine or the process dies.
 */
import { chmodSync, mkdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { EXIT, failure, isRunbookError } from '../core/errors.ts'

/** Raised whenever the tables change; a newer one is refused. */
const FORMAT = 1

const SCHEMA = `
  CREATE TABLE plans (sha256 TEXT PRIMARY KEY, json TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE runs (
    run TEXT PRIMARY KEY, number INTEGER NOT NULL, runbook TEXT NOT NULL, environment TEXT NOT NULL,
    created_at TEXT NOT NULL, plan_sha256 TEXT NOT NULL, lock TEXT NOT NULL,
    -- Where its chain ends: a chain that lost its last events is sound in itself.
    tip_seq INTEGER NOT NULL DEFAULT 0, tip_hash TEXT NOT NULL DEFAULT ''
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX runs_newest ON runs (number DESC);
  CREATE TABLE events (run TEXT NOT NULL, seq INTEGER NOT NULL, json TEXT NOT NULL, PRIMARY KEY (run, seq)) STRICT, WITHOUT ROWID;
  CREATE TABLE locks (name TEXT PRIMARY KEY, run TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE leases (
    run TEXT PRIMARY KEY, epoch INTEGER NOT NULL, holder TEXT, since TEXT NOT NULL, expires INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  PRAGMA user_version = ${FORMAT};
`

type Value = string | number | null

/** Whatever goes wrong in `read` and `write` is thrown as exit 10 or 12. */
export interface Database {
  /** Work that reads at one moment: another process may write in between. */
  read: <T>(work: () => T) => T
  /** Work that is done as a whole or not at all, and that nobody else writes beside. */
  write: <T>(work: () => T) => T
  /** The first row, all rows, and how many rows were changed. */
  get: <T>(text: string, ...values: Value[]) => T | undefined
  all: <T>(text: string, ...values: Value[]) => T[]
  run: (text: string, ...values: Value[]) => number
  close: () => void
}

/** Opens, and makes when it is not there, the journal at `path` (0600). Throws exit 12. */
export function openDatabase(path: string): Database {
  const db = guard(path, () => open(path))
  const { ino } = statSync(path)
  const statements = new Map<string, StatementSync>()

  const sql = (text: string): StatementSync => {
    let statement = statements.get(text)
    if (statement === undefined) statements.set(text, (statement = db.prepare(text)))
    return statement
  }
  // A journal that was deleted or replaced under a running deployment still accepts writes; nobody would ever read them.
  const stillThere = (): void => {
    if (statSync(path, { throwIfNoEntry: false })?.ino !== ino)
      throw failure(EXIT.store, `the journal ${path} was removed or replaced while it was in use`)
  }
  const within = <T>(begin: string, work: () => T): T => {
    db.exec(begin)
    try {
      const result = work()
      db.exec('COMMIT')
      return result
    } catch (error) {
      if (db.isTransaction) db.exec('ROLLBACK')
      throw error
    }
  }

  return {
    read: (work) => guard(path, () => within('BEGIN', work)),
    write: (work) =>
      guard(path, () => {
        stillThere()
        return within('BEGIN IMMEDIATE', work)
      }),
    get: <T>(text: string, ...values: Value[]) => sql(text).get(...values) as T | undefined,
    all: <T>(text: string, ...values: Value[]) => sql(text).all(...values) as T[],
    run: (text, ...values) => Number(sql(text).run(...values).changes),
    close: () => {
      db.close()
    },
  }
}

function open(path: string): DatabaseSync {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const db = new DatabaseSync(path)
  chmodSync(path, 0o600)
  // busy_timeout first: it is 0 until set, and two tools may start together.
  db.exec(
    'PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;',
  )
  db.exec('BEGIN IMMEDIATE')
  const format = (db.prepare('PRAGMA user_version').get() as { user_version: number }).user_version
  if (format === 0) db.exec(SCHEMA)
  db.exec('COMMIT')
  if (format > FORMAT) {
    db.close()
    throw failure(
      EXIT.stale,
      `the journal ${path} was written by a newer runbook (format ${format}, this one reads ${FORMAT})`,
      {
        hint: 'use the newer version; nothing was changed',
      },
    )
  }
  return db
}

/** SQLite's errors become ours: a damaged file is exit 10, everything else means the store cannot be used. */
function guard<T>(path: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (isRunbookError(error)) throw error
    const { errcode, message } = error as { errcode?: number; message: string }
    const damaged = errcode === 11 || errcode === 26
    throw failure(
      damaged ? EXIT.stale : EXIT.store,
      `the journal ${path} ${damaged ? 'is damaged' : 'cannot be used'}: ${message}`,
      { cause: error },
    )
  }
}
