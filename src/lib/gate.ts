/**
 * The gate and the receipt. An action's process is one bash, in a session of its own. It waits at
 * the gate, a pipe that we hold: on `go` it acts; when the pipe just ends, because the tool died,
 * it leaves without having done anything. It notes in the receipt that it started and how it
 * ended, so that after a crash of the tool the truth is known.
 *
 * While the tool lives it makes the end durable in its journal, and the receipt needs no flush of
 * its own; only a wrapper that finds its tool gone flushes it.
 */
import { createHash } from 'node:crypto'
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import type { ProcessIdentity } from '../core/events.ts'
import { compact, follow, kept, type Kept, type Stream } from './output.ts'
import { identify, startSession, type Exit } from './processes.ts'
import { endLeftovers, endTree, TOKEN, type Graces, type Tree } from './tree.ts'

export interface Gated {
  /** A folder of this attempt's own: script, out, err, receipt. */
  folder: string
  /** A bash script, run under `set -euo pipefail`, or a program and its arguments. */
  command: { script: string } | { argv: string[] }
  cwd: string
  env: Record<string, string>
  timeout_ms: number
  interrupt: AbortSignal
  /** Whether it may leave processes running when it ends. */
  leaves_processes: boolean
  /** Returns when the intent is durable; then the gate is opened. */
  gate: (process?: ProcessIdentity) => Promise<void>
  output: (text: string) => void
  /** INT, TERM, KILL: how long between them. */
  graces?: { timeout: Graces; interrupt: Graces }
}

export interface Ending {
  exit_code: number
  /** The wrapper itself was killed: nobody saw how the script ended. */
  signal?: NodeJS.Signals
  /** We ended it. */
  reason?: 'timeout' | 'interrupted' | undefined
  /** It could not be started at all. */
  unstarted?: string
  stdout: Kept
  stderr: Kept
  duration_ms: number
  notes: string[]
}

/**
 * `$0` is the script or the program's name, `$1` the receipt, the rest a program and its arguments.
 * -p keeps BASH_ENV and functions of the environment from acting before the gate. The traps let the
 * wrapper outlive INT and TERM, which go to all of its group; subshells start without them. Neither
 * the gate nor the receipt is open in what the script starts, so that only we hold them. `set -e`
 * would mean nothing to a script run after `!`, `if`, `&&` or `||`. No program is run but for the
 * script, and `sync` when `read` finds the pipe at its end, because the tool is gone.
 */
const WRAPPER = `trap : HUP INT QUIT TERM
IFS= read -r -u 3 && [[ $REPLY == go ]] || exit 0
printf 'started %s\\n' "\${EPOCHREALTIME-}" >&4 || exit 125
unset REPLY
if (($# == 1)); then ( set -euo pipefail; shift; . "$0" ) 3<&- 4>&-
else ( shift; exec -- "$@" ) 3<&- 4>&-
fi
set -- "$1" $?
printf 'exit %d %s\\n' "$2" "\${EPOCHREALTIME-}" >&4
if read -t 0 -u 3; then sync -- "$1" "\${1%/*}" 2>/dev/null; fi
exit "$2"`

const GRACES = {
  timeout: { interrupt_ms: 2_000, terminate_ms: 2_000 },
  interrupt: { interrupt_ms: 10_000, terminate_ms: 5_000 },
}
const LONGEST_TIMER_MS = 2 ** 31 - 1

type Streams = [Stream, Stream]

const { O_APPEND, O_CREAT, O_NOFOLLOW, O_RDWR, O_TRUNC } = constants
const APPENDED = O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW

/** The two files of output, for reading and appending. */
export function openStreams(folder: string, flags = 0): Streams {
  const open = (name: string): Stream => {
    const path = join(folder, name)
    return { fd: openSync(path, APPENDED | flags, 0o600), path, dropped: 0 }
  }
  return [open('out'), open('err')]
}

/** The same for every process of an attempt, also for who comes back to it after a crash. */
export function tokenOf(folder: string): string {
  return createHash('sha256').update(folder).digest('hex').slice(0, 32)
}

/** Watches the clock and the interrupt, and ends the tree on either. */
export function limit(
  options: Pick<Gated, 'interrupt' | 'graces'>,
  tree: Tree,
  exited: Promise<unknown>,
  left_ms: number,
): { reason: Ending['reason']; ended: Promise<boolean>; stop: () => void } {
  const graces = options.graces ?? GRACES
  const self: ReturnType<typeof limit> = {
    reason: undefined,
    ended: Promise.resolve(false),
    stop: () => {},
  }
  const end = (reason: 'timeout' | 'interrupted') => {
    if (self.reason !== undefined) return
    self.reason = reason
    self.ended = endTree(tree, exited, graces[reason === 'timeout' ? 'timeout' : 'interrupt'])
  }
  const interrupted = () => end('interrupted')
  const timer = setTimeout(() => end('timeout'), Math.min(Math.max(left_ms, 0), LONGEST_TIMER_MS))
  options.interrupt.addEventListener('abort', interrupted)
  if (options.interrupt.aborted) interrupted()
  self.stop = () => {
    clearTimeout(timer)
    options.interrupt.removeEventListener('abort', interrupted)
  }
  return self
}

/** What every end needs: leftovers ended, the last output shown, the streams read and closed. */
export async function finish(
  end: { exit: Exit; duration_ms: number; forced: boolean; reason: Ending['reason'] },
  tree: Tree,
  streams: Streams,
  following: { stop: () => void },
  leaves_processes: boolean,
): Promise<Ending> {
  const { exit, duration_ms, reason } = end
  const notes = end.forced ? ['forced: it was ended by KILL'] : []
  if (!leaves_processes) notes.push(...(await endLeftovers(tree, duration_ms)))
  following.stop()
  const [stdout, stderr] = [kept(streams[0]), kept(streams[1])]
  for (const stream of streams) {
    compact(stream)
    closeSync(stream.fd)
  }
  return {
    exit_code: exit.code,
    ...(exit.signal === undefined ? {} : { signal: exit.signal }),
    ...(reason === undefined ? {} : { reason }),
    stdout,
    stderr,
    duration_ms,
    notes,
  }
}

function unstarted(why: string): Ending {
  const nothing = { text: '', bytes: 0 }
  return {
    exit_code: 127,
    unstarted: why,
    stdout: nothing,
    stderr: nothing,
    duration_ms: 0,
    notes: [],
  }
}

/** Starts a process at the gate, lets it go when the intent is durable, and waits for its end. */
export async function startGated(options: Gated): Promise<Ending> {
  const { folder, command, cwd } = options
  const token = tokenOf(folder)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const receipt = openSync(join(folder, 'receipt'), APPENDED | O_TRUNC, 0o600)
  const streams = openStreams(folder, O_TRUNC)
  const script = join(folder, 'script')
  if ('script' in command) writeFileSync(script, command.script, { mode: 0o600 })
  const names = 'script' in command ? [script] : [command.argv[0] ?? '']
  const rest = 'script' in command ? [] : command.argv
  // One run may start another: what the inner one starts belongs to the outer one as well.
  const outer = options.env[TOKEN]
  const env = { ...options.env, [TOKEN]: outer === undefined ? token : `${outer}:${token}` }
  const close = () => [receipt, streams[0].fd, streams[1].fd].forEach((fd) => closeSync(fd))

  let session
  try {
    session = await startSession(
      ['bash', '-pc', WRAPPER, ...names, join(folder, 'receipt'), ...rest],
      { cwd, env, out: streams[0].fd, err: streams[1].fd, receipt },
    )
  } catch (error) {
    close()
    return unstarted(
      existsSync(cwd) ? (error as Error).message : `the working folder ${cwd} does not exist`,
    )
  }
  const { pid, pipe, exited } = session
  const dismiss = async () => {
    pipe.destroy()
    await exited
    close()
  }
  try {
    await options.gate(identify(pid))
  } catch (error) {
    await dismiss()
    throw error
  }
  if (options.interrupt.aborted) {
    await dismiss()
    return { ...unstarted('interrupted before it started'), reason: 'interrupted' }
  }

  const began = performance.now()
  const tree = { leader: pid, token }
  const guard = limit(options, tree, exited, options.timeout_ms)
  const following = follow(streams, options.output)
  pipe.write('go\n')
  const exit = await exited
  const duration_ms = Math.round(performance.now() - began)
  guard.stop()
  pipe.destroy()
  const started = fstatSync(receipt).size > 0
  closeSync(receipt)
  const end = { exit, duration_ms, forced: await guard.ended, reason: guard.reason }
  const ending = await finish(end, tree, streams, following, options.leaves_processes)
  return started ? ending : { ...ending, unstarted: 'its receipt could not be written' }
}
