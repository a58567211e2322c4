/** Finding and ending everything that an action's process started. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { sleepUnless } from './pause.ts'
import { processStat } from './processes.ts'

/** The name in the environment that everything an action starts carries. */
export const TOKEN = 'RUNBOOK_TOKEN'

/** An action's processes: those of its leader's group and session, and carriers of its token. */
export interface Tree {
  /** Pid, process group and session of the leader; undefined when that number may be another's by now. */
  leader: number | undefined
  token: string
}

export interface Graces {
  /** From INT to TERM, and from TERM to KILL. */
  interrupt_ms: number
  terminate_ms: number
}

/** How long something that ends by itself may take after its script; `tee` in `> >(tee log)`. */
const DRAIN_MS = 200
/** From TERM to KILL for what was left behind. */
const LEFTOVER_MS = 1000
/** So few newer processes are asked one by one; beyond it /proc is listed. */
const FEW = 64
/** The parent of the kernel's own threads. */
const KERNEL = 2

/** Most of what is asked for is not there, and an error is dearer than the question. */
function read(path: string): string {
  if (!existsSync(path)) return ''
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}

/** Sends a signal; false when there is nobody, or nobody who may be sent one. */
function send(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(pid, signal)
    return true
  } catch {
    return false
  }
}

function sendGroup(tree: Tree, signal: NodeJS.Signals | 0): boolean {
  return tree.leader !== undefined && send(-tree.leader, signal)
}

function belongs(pid: number, tree: Tree): boolean {
  const stat = processStat(pid)
  if (stat === undefined || stat.state === 'Z' || stat.state === 'X') return false
  if (stat.group === tree.leader || stat.session === tree.leader) return true
  return read(`/proc/${pid}/environ`).includes(tree.token)
}

/** Everything of a tree that is alive, the leader too. Without /proc: its group, as one. */
function members(tree: Tree, newerThan = 0): number[] {
  let names: string[]
  try {
    names = readdirSync('/proc')
  } catch {
    return sendGroup(tree, 0) && tree.leader !== undefined ? [-tree.leader] : []
  }
  return names
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => pid > newerThan && pid !== process.pid && belongs(pid, tree))
}

/**
 * Whether a tree may have outlived its leader, as cheaply as it can be asked, since it is asked
 * after every action. The group answers at once. What left the group is younger than the leader, so
 * only the numbers given out since need a look: none or a few, rarely all of /proc. After a long
 * time the numbers may have gone round; then everything is looked at.
 */
function mayRemain(tree: Tree, elapsed_ms: number): boolean {
  if (tree.leader === undefined) return members(tree).length > 0
  if (sendGroup(tree, 0)) return true
  const newest = Number(read('/proc/loadavg').trim().split(' ')[4])
  if (!(newest > 0)) return false
  if (elapsed_ms > 10_000 || newest < tree.leader) return members(tree).length > 0
  if (newest - tree.leader > FEW) return members(tree, tree.leader).length > 0
  for (let pid = tree.leader + 1; pid <= newest; pid += 1) {
    const environment = read(`/proc/${pid}/environ`)
    if (environment.includes(tree.token)) return true
    // Empty for a moment while a program is being loaded, always for what is dead or the kernel's.
    const stat = environment === '' && existsSync(`/proc/${pid}`) ? processStat(pid) : undefined
    if (stat !== undefined && stat.state !== 'Z' && stat.parent !== KERNEL) return true
  }
  return false
}

/** Sends a signal to all of a tree: to the group at once, to the others one by one. */
function signalTree(tree: Tree, signal: NodeJS.Signals): void {
  sendGroup(tree, signal)
  for (const pid of members(tree)) {
    if (processStat(pid)?.group !== tree.leader) send(pid, signal)
  }
}

/**
 * INT, then TERM, then KILL, until the leader has exited. Answers whether it had to be forced.
 * The leader of an action survives INT and TERM to write the receipt.
 */
export async function endTree(
  tree: Tree,
  exited: Promise<unknown>,
  graces: Graces,
): Promise<boolean> {
  const within = (ms: number) => {
    const stop = new AbortController()
    const late = sleepUnless(ms, stop.signal).then(() => false)
    return Promise.race([exited.then(() => true), late]).finally(() => stop.abort())
  }
  signalTree(tree, 'SIGINT')
  if (await within(graces.interrupt_ms)) return false
  signalTree(tree, 'SIGTERM')
  if (await within(graces.terminate_ms)) return false
  signalTree(tree, 'SIGKILL')
  await exited
  return true
}

/** Ends what is left of a tree after its leader, and says what that was: a line for people, or none. */
export async function endLeftovers(tree: Tree, elapsed_ms: number): Promise<string[]> {
  if (!mayRemain(tree, elapsed_ms)) return []
  const remaining = async (ms: number) => {
    const until = performance.now() + ms
    let left = members(tree)
    while (left.length > 0 && performance.now() < until) {
      await sleep(10)
      left = members(tree)
    }
    return left
  }
  await sleep(2)
  const left = await remaining(DRAIN_MS)
  if (left.length === 0) return []
  const names = left
    .map((pid) => `${read(`/proc/${pid}/comm`).trim() || 'process'} (pid ${pid})`)
    .join(', ')
  signalTree(tree, 'SIGTERM')
  if ((await remaining(LEFTOVER_MS)).length === 0) return [`left running and ended: ${names}`]
  signalTree(tree, 'SIGKILL')
  const stubborn = await remaining(LEFTOVER_MS)
  if (stubborn.length === 0) return [`left running and ended by force: ${names}`]
  return [`left running and could not be ended: pid ${stubborn.join(', ')}`]
}
