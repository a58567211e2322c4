/**
 * The file of the embedded store: its tables, and opening it, whether it can be written or only read. What
 * is there and is no journal is refused, and left as it is.
 */
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  realpathSync,
  statSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'
import { EXIT, failure, type RunbookError } from '../core/errors.ts'

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

const DURABLE = 'PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;'

/** A journal that is open. */
export interface Journal {
  db: DatabaseSync
  statements: Map<string, StatementSync>
  ino: number
  /** The file or its folder cannot be written. */
  readOnly: boolean
  /** How it looked when it was opened without locks; while it looks so, nobody has written. */
  frozen: string | undefined
}

/**
 * Opens the journal that is there; where there is none it is made (0600), or the answer is undefined. Throws
 * exit 12 for what is no journal, exit 10 for one of a newer version, and SQLite's own errors as they are.
 */
export function openJournal(path: string, makes = false): Journal | undefined {
  if (makes && !existsSync(path)) {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    // SQLite would let others read it; its log gets the mode of the file.
    closeSync(openSync(path, 'a', 0o600))
  }
  const there = statSync(path, { throwIfNoEntry: false })
  if (there === undefined) return undefined
  if (!there.isFile()) throw noJournal(path, 'it is not a file')

  const looks = appearance(path)
  // SQLite's log lies beside the file itself, and some names would be addresses to it.
  const file = realpathSync(path)
  accessSync(file, constants.R_OK)
  const hasLog = existsSync(`${file}-wal`)
  const readOnly = !mayWrite(file) || !mayWrite(dirname(file))
  const frozen = readOnly && !hasLog ? looks : undefined
  // Without a log nobody writes: there is nothing to lock, and no place for locks.
  const address = frozen === undefined ? file : `${pathToFileURL(file).href}?immutable=1`
  try {
    // Whoever closes a database last puts its log into it: only for one that is a journal.
    if (hasLog && !readOnly) connect(path, file, true).db.close()
    const { db, format } = connect(path, address, readOnly)
    if (format === 0 && (readOnly || !makes)) {
      db.close()
      return undefined
    }
    if (!readOnly) db.exec(DURABLE)
    if (format === 0) createTables(db)
    return { db, statements: new Map(), ino: there.ino, readOnly, frozen }
  } catch (error) {
    const code = codeOf(error)
    if (code === NOT_A_DATABASE)
      throw noJournal(path, 'it is no SQLite database, or its beginning is damaged')
    if (readOnly && (code === CANNOT_OPEN || code === READ_ONLY)) throw notInPlace(path, hasLog)
    throw error
  }
}

/** Opens a database that is empty (its format is 0) or a journal; throws for any other, untouched. */
function connect(
  path: string,
  address: string,
  readOnly: boolean,
): { db: DatabaseSync; format: number } {
  const db = new DatabaseSync(address, { readOnly })
  try {
    // 0 until set, and two tools may start together.
    db.exec('PRAGMA busy_timeout = 10000')
    return { db, format: formatOf(db, path) }
  } catch (error) {
    db.close()
    throw error
  }
}

function formatOf(db: DatabaseSync, path: string): number {
  // At one moment: somebody may be making it.
  db.exec('BEGIN')
  const format = versionOf(db)
  const tables = db.prepare(`SELECT name FROM sqlite_master WHERE type = 'table'`).all()
  db.exec('COMMIT')
  if (format === 0 && tables.length === 0) return 0
  const names = new Set(tables.map((table) => table.name))
  if (format === 0 || !['plans', 'runs', 'events'].every((name) => names.has(name)))
    throw noJournal(path, 'it is a database of something else')
  if (format > FORMAT)
    throw failure(
      EXIT.stale,
      `the journal ${path} was written by a newer runbook (format ${format}, this one reads ${FORMAT})`,
      {
        hint: 'use the newer version; nothing was changed',
      },
    )
  return format
}

function createTables(db: DatabaseSync): void {
  db.exec('BEGIN IMMEDIATE')
  // Another process may have been quicker.
  if (versionOf(db) === 0) db.exec(SCHEMA)
  db.exec('COMMIT')
}

function versionOf(db: DatabaseSync): number {
  return (db.prepare('PRAGMA user_version').get() as { user_version: number }).user_version
}

/** Changes with every write to the file, and with a log beside it. */
export function appearance(path: string): string {
  const file = statSync(path, { bigint: true, throwIfNoEntry: false })
  if (file === undefined) return ''
  return `${file.ino} ${file.size} ${file.mtimeNs} ${existsSync(`${realpathSync(path)}-wal`)}`
}

function mayWrite(path: string): boolean {
  try {
    accessSync(path, constants.W_OK)
    return true
  } catch {
    // Whatever the reason is, it can still be read.
    return false
  }
}

function noJournal(path: string, why: string): RunbookError {
  return failure(EXIT.store, `${path} cannot be used as a journal: ${why}`, {
    hint: 'nothing was changed; name another file with --store sqlite:<path>',
  })
}

function notInPlace(path: string, hasLog: boolean): RunbookError {
  const why = hasLog
    ? 'it was not closed, or is in use by somebody whose files are closed to you'
    : `Node ${process.versions.node} cannot do it, 22.15 can`
  const both = hasLog ? `${path} and ${path}-wal` : path
  return failure(
    EXIT.store,
    `the journal ${path} cannot be read where nothing can be written: ${why}`,
    { hint: `copy ${both} to a folder of yours, and add --store sqlite:<the copy>` },
  )
}

// SQLite's own numbers.
const READ_ONLY = 8
export const CORRUPT = 11
const CANNOT_OPEN = 14
export const NOT_A_DATABASE = 26

/** SQLite's number of an error, without its details. */
export function codeOf(error: unknown): number | undefined {
  const { errcode } = error as { errcode?: number }
  return errcode === undefined ? undefined : errcode & 0xff
}
