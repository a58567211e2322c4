/**
 * Kills the process that loads it, as `kill -9` does, at the moment that CRASH_AT names:
 * `commit:7:before` = before the journal's seventh commit, `spawn:3:after` = after the third process
 * was started. `go`: a process is let through its gate; `exit`: the end of one is noticed. Loaded
 * with --import, so that the product holds no hooks.
 */
/* eslint-disable @typescript-eslint/unbound-method, @typescript-eslint/no-unsafe-argument, @typescript-eslint/no-unsafe-assignment, @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-return --
   it stands in for methods of Node's own, whose arguments it passes on unseen */
import child_process from 'node:child_process'
import { appendFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { Socket } from 'node:net'
import { basename, dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

const [what, number, when] = (process.env.CRASH_AT ?? '').split(':')
const counts = { commit: 0, spawn: 0, go: 0, exit: 0 }
/** @type {{ kind: string; number: number; of: string }[]} */
const seen = []

/** @param {keyof counts} kind @param {string} of @param {() => unknown} act */
function moment(kind, of, act) {
  counts[kind] += 1
  seen.push({ kind, number: counts[kind], of })
  const mine = what === kind && Number(number) === counts[kind]
  if (mine && when === 'before') process.kill(process.pid, 'SIGKILL')
  const result = act()
  if (mine) process.kill(process.pid, 'SIGKILL')
  return result
}

/** What the transaction that is open writes: the types of its events, or what it does to a lease. */
/** @type {string[]} */
let written = []
const prepare = DatabaseSync.prototype.prepare
/** @param {string} sql */
DatabaseSync.prototype.prepare = function (sql) {
  const statement = prepare.call(this, sql)
  if (!/INTO events|INTO leases|UPDATE leases/.test(sql)) return statement
  const run = statement.run.bind(statement)
  statement.run = /** @type {typeof statement.run} */ (
    /** @param {import('node:sqlite').SQLInputValue[]} values */ (...values) => {
      const event = /INTO events/.test(sql)
        ? JSON.parse(/** @type {string} */ (values[2]))
        : undefined
      const lease = /holder = NULL/.test(sql) ? 'given back' : 'taken'
      written.push(event === undefined ? lease : event.type)
      return run(...values)
    }
  )
  return statement
}

const exec = DatabaseSync.prototype.exec
/** @param {string} sql */
DatabaseSync.prototype.exec = function (sql) {
  if (sql !== 'COMMIT') return exec.call(this, sql)
  const of = written.join(' ') || 'nothing'
  written = []
  return moment('commit', of, () => exec.call(this, sql))
}

/** The role of a process: the folder of its receipt is called do-1, undo-1-0 …; a check has none. */
/** @param {unknown[]} args */
function roleOf([, argv]) {
  const receipt = Array.isArray(argv)
    ? argv.find((word) => basename(word) === 'receipt')
    : undefined
  return receipt === undefined ? 'check' : basename(dirname(receipt)).replace(/[-\d]+$/, '')
}

const spawn = child_process.spawn
child_process.spawn = /** @type {typeof spawn} */ (
  /** @param {unknown[]} args */ (...args) => {
    const role = roleOf(args)
    return moment('spawn', role, () => {
      const child = Reflect.apply(spawn, child_process, args)
      const emit = child.emit
      child.emit = /** @param {unknown[]} event */ (...event) =>
        event[0] === 'exit'
          ? moment('exit', role, () => Reflect.apply(emit, child, event))
          : Reflect.apply(emit, child, event)
      return child
    })
  }
)
syncBuiltinESMExports()

const write = Socket.prototype.write
Socket.prototype.write = /** @type {typeof write} */ (
  /** @this {Socket} @param {unknown[]} args */ function (...args) {
    const act = () => Reflect.apply(write, this, args)
    return args[0] === 'go\n' ? moment('go', 'gate', act) : act()
  }
)

// Which moments a command has is learnt from one that is not killed.
if (process.env.CRASH_COUNT !== undefined) {
  const file = process.env.CRASH_COUNT
  process.on('exit', () => appendFileSync(file, JSON.stringify(seen)))
}
