/** Starting processes, and telling one process from a later one that got the same number. */
import { execa, execaSync, type Options } from 'execa'
import { readFileSync, realpathSync, statSync } from 'node:fs'
import type { Socket } from 'node:net'
import type { Writable } from 'node:stream'
import type { ProcessIdentity } from '../core/events.ts'
import { LONGEST_TIMER_MS } from './pause.ts'
import { codeOfSignal } from './signals.ts'

export interface Session {
  pid: number
  /** Descriptor 3 of a process that has a receipt. */
  pipe?: Writable
  /**
   * The exit code of the process itself, as a shell counts: 128 + the number of a signal that ended it.
   * Who else holds its output does not matter. Never rejects.
   */
  exited: Promise<number>
  ended(): boolean
  /** While it is idle our own process does not wait for it. */
  idle(on: boolean): void
}

/** execa takes any open descriptor; its types know of the single digits only. */
const fd = (descriptor: number) => descriptor as 3

const CANNOT_STAND: Record<string, string> = {
  ENOENT: 'does not exist',
  ENOTDIR: 'is not a folder',
  EACCES: 'may not be entered',
}

/**
 * The folder as the system knows it, without symbolic links, so that `..` and `pwd` mean the same in
 * every process. Throws a plain error when no process could be there.
 */
export function physicalFolder(path: string): string {
  try {
    const folder = realpathSync.native(path)
    // Only who may enter a folder sees what is in it, and "." is.
    statSync(`${folder}/.`)
    return folder
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException
    const why = CANNOT_STAND[code] ?? `cannot be entered: ${message}`
    throw new Error(`the working folder ${path} ${why}`, { cause: error })
  }
}

/**
 * Starts a process in a session of its own: no terminal, no standard input, output into the given
 * descriptors; one with a receipt has it as descriptor 4, and a pipe to us as descriptor 3. It knows its own
 * folder and none where it was before. Throws a plain error when there is nothing to start.
 */
export async function startSession(
  argv: [string, ...string[]],
  options: {
    cwd: string
    env: Record<string, string>
    out: number
    err: number
    receipt?: number
    /** It gets the pipe without a receipt. */
    piped?: boolean
  },
): Promise<Session> {
  const [file, ...args] = argv
  const pipes = options.piped === true ? (['pipe'] as const) : []
  const more = options.receipt === undefined ? pipes : (['pipe', fd(options.receipt)] as const)
  const cwd = physicalFolder(options.cwd)
  const env: Record<string, string> = { ...options.env, PWD: cwd }
  delete env.OLDPWD
  const child = execa(file, args, {
    cwd,
    env,
    extendEnv: false,
    stdio: ['ignore', fd(options.out), fd(options.err), ...more],
    detached: true,
    // The receipt outlives us, so must the process; what it must not outlive is the gate.
    cleanup: false,
    // `exit` is what counts: execa's own promise also waits for streams that others may hold.
    buffer: false,
    reject: false,
  })
  const node = child.nodeChildProcess
  const pipe = node.stdio?.[3] as Writable | undefined
  if (child.pid === undefined) {
    const result = await child
    throw new Error(result.shortMessage ?? `${file} could not be started`)
  }
  // The other end may be gone by the time we write; its exit tells more than the error would.
  pipe?.on('error', () => {})
  let ended = false
  const exited = new Promise<number>((resolve) => {
    node.once('exit', (code, signal) => {
      ended = true
      resolve(signal === null ? (code ?? 0) : codeOfSignal(signal))
    })
  })
  // How it ended, its exit has told.
  child.catch(() => {})
  const held = [node, pipe as Partial<Socket> | undefined]
  return {
    pid: child.pid,
    exited,
    ended: () => ended,
    idle: (on) => {
      for (const one of held)
        if (on) one?.unref?.()
        else one?.ref?.()
    },
    ...(pipe === undefined ? {} : { pipe }),
  }
}

export interface CommandResult {
  code: number
  stdout: string
  stderr: string
  /** Why there is no exit code of its own: no such program, too long, interrupted. */
  problem?: 'missing' | 'timeout' | 'interrupted'
}

/** Runs a helper tool to its end. Output is kept up to 16 MiB; nothing is thrown for a bad exit. */
export async function runCommand(
  argv: [string, ...string[]],
  options: {
    cwd?: string
    env?: Record<string, string>
    input?: string
    timeout_ms?: number
    interrupt?: AbortSignal
    uid?: number
    gid?: number
  } = {},
): Promise<CommandResult> {
  const [file, ...args] = argv
  const { timeout_ms, interrupt, input, ...rest } = options
  const settings: Options = {
    ...rest,
    extendEnv: options.env === undefined,
    ...(input === undefined ? { stdin: 'ignore' } : { input }),
    ...(interrupt === undefined ? {} : { cancelSignal: interrupt }),
    timeout: Math.min(timeout_ms ?? 60_000, LONGEST_TIMER_MS),
    forceKillAfterDelay: 2000,
    killDescendants: true,
    maxBuffer: 16 * 2 ** 20,
    reject: false,
  }
  const result = await execa(file, args, settings)
  const text = (value: unknown) => (typeof value === 'string' ? value : '')
  const problem = result.timedOut
    ? 'timeout'
    : result.isCanceled
      ? 'interrupted'
      : result.code === 'ENOENT'
        ? 'missing'
        : undefined
  return {
    code: result.exitCode ?? (problem === 'missing' ? 127 : 1),
    stdout: text(result.stdout),
    stderr: text(result.stderr) || (result.shortMessage ?? ''),
    ...(problem === undefined ? {} : { problem }),
  }
}

/** Runs a small tool while everything else waits; false when it is not there or did not end well. */
export function succeeds(argv: [string, ...string[]]): boolean {
  const [file, ...args] = argv
  return !execaSync(file, args, { stdio: 'ignore', reject: false }).failed
}

/** What /proc says of a process. */
export interface ProcessStat {
  state: string
  parent: number
  group: number
  session: number
  start: string
}

/** Undefined where there is no such process, or no /proc. */
export function processStat(pid: number): ProcessStat | undefined {
  let text: string
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1')
  } catch {
    return undefined
  }
  // The name in parentheses may itself hold spaces and parentheses; it ends at the last one.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return {
    state: fields[0] ?? '',
    parent: Number(fields[1]),
    group: Number(fields[2]),
    session: Number(fields[3]),
    start: fields[19] ?? '',
  }
}

let boot: string | undefined

function askBootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
  } catch {
    const { stdout } = execaSync('sysctl', ['-n', 'kern.boottime'], { reject: false })
    return stdout === undefined || stdout === '' ? 'unknown' : stdout
  }
}

/** Differs after every start of the machine. */
export function bootId(): string {
  boot ??= askBootId()
  return boot
}

/** Who a process is, beyond its number; undefined when it is gone or only waits to be reaped. */
export function identify(pid: number): ProcessIdentity | undefined {
  const stat = processStat(pid)
  if (stat !== undefined) {
    if (stat.state === 'Z' || stat.state === 'X') return undefined
    return { pid, start: stat.start, boot: bootId() }
  }
  if (process.platform === 'linux') return undefined
  const { stdout } = execaSync('ps', ['-o', 'lstart=', '-p', String(pid)], { reject: false })
  const start = (stdout ?? '').trim()
  return start === '' ? undefined : { pid, start, boot: bootId() }
}

/** Whether that very process still runs, on this machine and since this start of it. */
export function alive(identity: ProcessIdentity): boolean {
  const now = identify(identity.pid)
  return now !== undefined && now.start === identity.start && now.boot === identity.boot
}

/** This process. */
export function self(): ProcessIdentity {
  return identify(process.pid) ?? { pid: process.pid, start: 'unknown', boot: bootId() }
}
