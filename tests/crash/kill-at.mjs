/**
 * Kills the process that loads it, as `kill -9` does, at the moment that CRASH_AT names:
 * `commit:7:before` = before the journal's seventh commit, `spawn:3:after` = after the third process
 * was started. `tell`: a shell that waited is told what to run; `go`: a process is let through its gate;
 * `exit`: the end of one is noticed. Loaded with --import, so that the product holds no hooks.
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
const counts = { commit: 0, spawn: 0, tell: 0, go: 0, exit: 0 }
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

/** The role of a process is the name of its receipt's folder: do-1, undo-1-0 …; a check has none. */
/** @param {string | undefined} receipt */
const roleOf = (receipt) =>
  receipt === undefined ? 'check' : basename(dirname(receipt)).replace(/[-\d]+$/, '')
/** @param {unknown} word */
const isReceipt = (word) => typeof word === 'string' && basename(word) === 'receipt'
/** Of shells that waited and were then told what to run. */
/** @type {WeakMap<object, string>} */
const told = new WeakMap()

const spawn = child_process.spawn
child_process.spawn = /** @type {typeof spawn} */ (
  /** @param {unknown[]} args */ (...args) => {
    const role = roleOf(Array.isArray(args[1]) ? args[1].find(isReceipt) : undefined)
    return moment('spawn', role, () => {
      const child = Reflect.apply(spawn, child_process, args)
      const emit = child.emit
      child.emit = /** @param {unknown[]} event */ (...event) => {
        const act = () => Reflect.apply(emit, child, event)
        return event[0] === 'exit' ? moment('exit', told.get(child.stdio?.[3]) ?? role, act) : act()
      }
      return child
    })
  }
)
syncBuiltinESMExports()

const write = Socket.prototype.write
Socket.prototype.write = /** @type {typeof write} */ (
  /** @this {Socket} @param {unknown[]} args */ function (...args) {
    const act = () => Reflect.apply(write, this, args)
    if (args[0] === 'go\n') return moment('go', 'gate', act)
    if (typeof args[0] !== 'string' || !args[0].endsWith('\0r\0')) return act()
    const fields = args[0].split('\0').filter((field) => field.startsWith('f'))
    const role = roleOf(fields.map((field) => field.slice(1)).find(isReceipt))
    told.set(this, role)
    return moment('tell', role, act)
  }
)

// Which moments a command has is learnt from one that is not killed.
if (process.env.CRASH_COUNT !== undefined) {
  const file = process.env.CRASH_COUNT
  process.on('exit', () => appendFileSync(file, JSON.stringify(seen)))
}
