/**
 * Kills the process that loads it, as `kill -9` does, at the moment that CRASH_AT names:
 * `commit:7:before` = before the journal's seventh commit, `spawn:3:after` = after the third process
 * was started. Loaded with --import, so that the product holds no hooks.
 */
import child_process from 'node:child_process'
import { syncBuiltinESMExports } from 'node:module'
import { DatabaseSync } from 'node:sqlite'
import { appendFileSync } from 'node:fs'

const [what, number, when] = (process.env.CRASH_AT ?? '').split(':')
const counts = { commit: 0, spawn: 0 }

/** @param {'commit' | 'spawn'} kind @param {() => unknown} act */
function moment(kind, act) {
  counts[kind] += 1
  const mine = what === kind && Number(number) === counts[kind]
  if (mine && when === 'before') process.kill(process.pid, 'SIGKILL')
  const result = act()
  if (mine) process.kill(process.pid, 'SIGKILL')
  return result
}

const exec = /** @type {(this: DatabaseSync, sql: string) => void} */ (
  DatabaseSync.prototype.exec
)
/** @param {string} sql */
DatabaseSync.prototype.exec = function (sql) {
  return sql === 'COMMIT' ? moment('commit', () => exec.call(this, sql)) : exec.call(this, sql)
}

const spawn = child_process.spawn
child_process.spawn = /** @type {typeof spawn} */ (
  /** @param {unknown[]} args */ (...args) =>
    moment('spawn', () => Reflect.apply(spawn, child_process, args))
)
syncBuiltinESMExports()

// How many moments a run has is learnt from one that is not killed.
if (process.env.CRASH_COUNT !== undefined) {
  const file = process.env.CRASH_COUNT
  process.on('exit', () => appendFileSync(file, JSON.stringify(counts)))
}
