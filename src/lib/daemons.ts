/** Processes that may outlive the command that started them: the services of a sandbox. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  constants,
  existsSync,
  openSync,
  readSync,
  renameSync,
  fstatSync,
} from 'node:fs'
import { createServer } from 'node:net'
import type { Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ProcessIdentity } from '../core/events.ts'
import { alive, identify } from './processes.ts'

export interface Daemon {
  identity: ProcessIdentity
  /** Descriptor 3 of the process: a gate that it may wait at. Gone with us when we die. */
  gate: Writable
}

/**
 * Starts a process in a session of its own, its output appended to a log. It holds nothing of ours
 * but the gate, and does not keep us from ending. Throws a plain error when there is nothing to start.
 */
export async function startDaemon(
  argv: [string, ...string[]],
  options: { cwd: string; env: Record<string, string>; log: string; uid?: number; gid?: number },
): Promise<Daemon> {
  const { log: path, ...rest } = options
  const log = openLog(path)
  try {
    const [file, ...args] = argv
    const child = spawn(file, args, {
      ...rest,
      detached: true,
      stdio: ['ignore', log, log, 'pipe'],
    })
    await once(child, 'spawn')
    const gate = child.stdio[3] as Writable & { unref(): void }
    // It may be gone before we write; that it is gone is found out by asking for it.
    gate.on('error', () => {})
    gate.unref()
    child.unref()
    const pid = child.pid ?? 0
    return { identity: identify(pid) ?? { pid, start: 'ended', boot: 'ended' }, gate }
  } finally {
    closeSync(log)
  }
}

/** The log of the run before stays as `.1`. */
function openLog(path: string): number {
  if (existsSync(path)) renameSync(path, `${path}.1`)
  const { O_APPEND, O_CREAT, O_NOFOLLOW, O_WRONLY } = constants
  return openSync(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, 0o600)
}

/** Sends the signal to the process or, with `group`, to all of its group, and kills what has not ended in time. */
export async function endDaemon(
  identity: ProcessIdentity,
  how: { signal: NodeJS.Signals; grace_ms: number; group: boolean },
): Promise<void> {
  if (!alive(identity)) return
  const target = how.group ? -identity.pid : identity.pid
  send(target, how.signal)
  if (await ended(identity, how.grace_ms)) return
  send(-identity.pid, 'SIGKILL')
  await ended(identity, 5000)
}

/** Whether the process is gone, waiting so long for it, or until nobody wants to know any more. */
export async function ended(
  identity: ProcessIdentity,
  within_ms: number,
  signal?: AbortSignal,
): Promise<boolean> {
  const until = performance.now() + within_ms
  while (alive(identity)) {
    if (performance.now() > until || signal?.aborted === true) return false
    await sleep(10)
  }
  return true
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // Gone in the meantime, which is what was wanted.
  }
}

/** The last lines of a log, at most 4 KiB; empty when there is none. */
export function tailOf(path: string): string {
  if (!existsSync(path)) return ''
  const fd = openSync(path, 'r')
  try {
    const { size } = fstatSync(fd)
    const buffer = Buffer.alloc(Math.min(size, 4096))
    readSync(fd, buffer, 0, buffer.length, size - buffer.length)
    const lines = buffer.toString('utf8').trimEnd().split('\n')
    return (size > buffer.length ? lines.slice(1) : lines).slice(-20).join('\n')
  } finally {
    closeSync(fd)
  }
}

/** A port of 127.0.0.1 that is free now: the wanted one if it can be had. */
export async function freePort(wanted?: number): Promise<number> {
  const server = createServer()
  try {
    server.listen(wanted ?? 0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  } catch (error) {
    if (wanted === undefined) throw error
    return await freePort()
  } finally {
    server.close()
  }
}
