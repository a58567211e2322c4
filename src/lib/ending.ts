/** What every process of an action has in common: its limits, its end, and what is told of it. */
import { follow, kept, NOTHING, type Kept, type Streams } from './output.ts'
import { LONGEST_TIMER_MS } from './pause.ts'
import { endLeftovers, endTree, TOKEN, type Graces, type Tree } from './tree.ts'
import { warmUp } from './warm.ts'

/** A process that is to be run, and under which conditions. */
export interface Work {
  /** A bash script, run under `set -euo pipefail`, or a program and its arguments. */
  command: { script: string } | { argv: string[] }
  cwd: string
  env: Record<string, string>
  timeout_ms: number
  interrupt: AbortSignal
  /** Whether it may leave processes running when it ends. */
  leaves_processes: boolean
  output: (text: string) => void
  /** INT, TERM, KILL: how long between them. */
  graces?: { timeout: Graces; interrupt: Graces }
}

/** The kernel takes 128 KiB in one argument. */
const LONGEST_ARGUMENT = 120_000

/** Whether a script can be handed over as an argument; a longer one goes through a file. */
export function isArgument(script: string): boolean {
  return Buffer.byteLength(script) <= LONGEST_ARGUMENT
}

export interface Ending {
  exit_code: number
  /** We ended it. */
  reason?: 'timeout' | 'interrupted' | undefined
  /** It could not be started at all. */
  unstarted?: string
  /** It ran on another machine, and why nobody knows what became of it. */
  lost?: string
  stdout: Kept
  stderr: Kept
  duration_ms: number
  notes: string[]
}

/** A person who interrupts has patience for a clean end; a timeout has waited long enough. */
const GRACES = {
  timeout: { interrupt_ms: 2_000, terminate_ms: 2_000 },
  interrupt: { interrupt_ms: 10_000, terminate_ms: 5_000 },
}

/** One run may start another: what the inner one starts belongs to the outer one as well. */
export function withToken(env: Record<string, string>, token: string): Record<string, string> {
  const outer = env[TOKEN]
  return { ...env, [TOKEN]: outer === undefined ? token : `${outer}:${token}` }
}

/** The end of what never began. */
export function unstarted(why: string): Ending {
  return {
    exit_code: 127,
    unstarted: why,
    stdout: NOTHING,
    stderr: NOTHING,
    duration_ms: 0,
    notes: [],
  }
}

export interface Guard {
  reason: Ending['reason']
  /** Whether it had to be forced; settled once the tree has ended. */
  forced: Promise<boolean>
  stop: () => void
}

/** Watches the clock and the interrupt, and ends the tree on either; `endIt` says whether it took force. */
export function limit(
  options: Pick<Work, 'interrupt' | 'graces'>,
  endIt: (graces: Graces) => Promise<boolean>,
  left_ms: number,
): Guard {
  const graces = options.graces ?? GRACES
  const guard: Guard = { reason: undefined, forced: Promise.resolve(false), stop: () => {} }
  const end = (reason: 'timeout' | 'interrupted') => {
    if (guard.reason !== undefined) return
    guard.reason = reason
    guard.forced = endIt(graces[reason === 'timeout' ? 'timeout' : 'interrupt'])
  }
  const interrupted = () => end('interrupted')
  const timer = setTimeout(() => end('timeout'), Math.min(Math.max(left_ms, 0), LONGEST_TIMER_MS))
  options.interrupt.addEventListener('abort', interrupted)
  if (options.interrupt.aborted) interrupted()
  guard.stop = () => {
    clearTimeout(timer)
    options.interrupt.removeEventListener('abort', interrupted)
  }
  return guard
}

/** What every end needs: leftovers ended, the last output shown, the streams read and let go. */
export async function finish(
  end: { exit_code: number; duration_ms: number; forced: boolean; reason: Ending['reason'] },
  tree: Tree,
  streams: Streams,
  following: { stop: () => void },
  leaves_processes: boolean,
): Promise<Ending> {
  const { exit_code, duration_ms, reason } = end
  const left = leaves_processes ? [] : await endLeftovers(tree, duration_ms)
  following.stop()
  const [stdout, stderr] = [kept(streams.out), kept(streams.err)]
  streams.release(leaves_processes || left.length > 0)
  return {
    exit_code,
    ...(reason === undefined ? {} : { reason }),
    stdout,
    stderr,
    duration_ms,
    notes: end.forced ? ['forced: it was ended by KILL', ...left] : left,
  }
}

/** From the moment it may act to its end, under its limits and with its output followed. */
export async function attend(
  work: Omit<Work, 'command'>,
  tree: Tree,
  exited: Promise<number>,
  streams: Streams,
  go: () => void,
): Promise<Ending> {
  const began = performance.now()
  const guard = limit(work, (graces) => endTree(tree, exited, graces), work.timeout_ms)
  const following = follow([streams.out, streams.err], work.output)
  go()
  // It acts now, and we only wait: time to start the shell of what comes next.
  warmUp()
  const exit_code = await exited
  const duration_ms = Math.round(performance.now() - began)
  guard.stop()
  const end = { exit_code, duration_ms, forced: await guard.forced, reason: guard.reason }
  return finish(end, tree, streams, following, work.leaves_processes)
}
