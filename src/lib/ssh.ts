/**
 * Connections over the system's OpenSSH, as the user's own configuration has them. Each destination
 * has one master of ours, which logs in once; everything else goes through its socket. What matters
 * of a command never stands in its command line: that is always the same, and the rest is sent.
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, lstatSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { takeFileLock } from './file-lock.ts'

/** Nobody is there to answer, and a connection that is dead is to be known as dead within seconds. */
const OPTIONS = [
  'BatchMode=yes',
  'ConnectTimeout=10',
  'ServerAliveInterval=5',
  'ServerAliveCountMax=3',
  'ClearAllForwardings=yes',
  'RemoteCommand=none',
].flatMap((option) => ['-o', option])

/** A master that nobody uses any more, because the tool died, ends by itself after so many seconds. */
const PERSIST_S = 60
/** For all of logging in; ssh's own limit is for its first answer only. */
const LOGIN_MS = 30_000
/** A socket's path may have 107 bytes, and ssh makes it under a longer name first. */
const LONGEST_FOLDER = 60
const WORDS_BYTES = 8192

/** What the names of folders of sockets begin with. */
const FOLDER = 'runbook-ssh-'
/** In each: a file that its tool has locked for as long as it lives. */
const LOCK = 'lock'
/** In a younger folder the lock may be yet to be taken, and masters to end. */
const OLD_MS = 60_000

export type Connected = { socket: string } | { why: string }

let folder: string | undefined
let release: (() => void) | undefined
let count = 0
const masters = new Map<string, Promise<Connected>>()

/** Logs in, or finds the connection that is there already. `why` is what ssh said. Never throws. */
export async function connect(destination: string): Promise<Connected> {
  const known = masters.get(destination)
  const found = await known
  // Somebody else may have noticed in the meantime, and be at it.
  if (known !== undefined && masters.get(destination) !== known) return connect(destination)
  if (found !== undefined && 'socket' in found && existsSync(found.socket)) return found
  const made = login(destination)
  masters.set(destination, made)
  return made
}

/** Gives a connection up that has turned out to be dead. */
export function giveUp(destination: string, socket: string): void {
  masters.delete(destination)
  const options = ['-o', `ControlPath=${socket}`, '-O', 'exit']
  const child = spawn('ssh', [...options, '--', destination], { stdio: 'ignore', detached: true })
  child.on('error', () => {})
  child.unref()
}

async function login(destination: string): Promise<Connected> {
  // ssh would take the one for an option, and what follows a space for anything.
  if (!/^[^\s\p{Cc}-][^\s\p{Cc}]*$/u.test(destination))
    return { why: `${JSON.stringify(destination)} is no destination for ssh` }
  const socket = join(socketFolder(), String((count += 1)))
  const options = ['-o', 'ControlMaster=yes', '-o', `ControlPath=${socket}`]
  const rest = ['-o', `ControlPersist=${PERSIST_S}`, '-f', '-N', '-T', '--', destination]
  const child = spawn('ssh', [...OPTIONS, ...options, ...rest], {
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  })
  const words = collected(child.stderr)
  const late = new AbortController()
  const timer = setTimeout(() => late.abort(), LOGIN_MS)
  try {
    // Its exit counts, not the end of its output: older masters hold that for as long as they live.
    const [code] = (await once(child, 'exit', { signal: late.signal })) as [number | null]
    if (code === 0) return { socket }
    await Promise.race([once(child.stderr, 'end'), sleep(200)])
    return { why: words() || `ssh ended with exit code ${code}` }
  } catch (error) {
    child.kill('SIGKILL')
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    if (missing) return { why: 'ssh is not installed on this machine' }
    return { why: `${destination} did not let us in within ${LOGIN_MS / 1000} seconds` }
  } finally {
    clearTimeout(timer)
    child.stderr.destroy()
  }
}

export interface Channel {
  stdin: Writable
  stdout: Readable
  /** Once ssh is gone: what it said last. */
  closed: Promise<string>
  close(): void
}

/** A shell on the far side that reads what to do from its standard input. */
export function openShell(destination: string, socket: string): Channel {
  const options = ['-o', 'ControlMaster=no', '-o', `ControlPath=${socket}`, '-T', '--', destination]
  const child = spawn('ssh', [...OPTIONS, ...options, 'bash -p -s'], {
    stdio: 'pipe',
    detached: true,
  })
  const words = collected(child.stderr)
  // It may be gone by the time we write; that it is gone tells more than the error would.
  child.stdin.on('error', () => {})
  const closed = new Promise<string>((resolve) => {
    child.once('error', (error) => {
      resolve(error.message)
    })
    child.once('close', () => {
      resolve(words() || 'the connection was closed')
    })
  })
  return { stdin: child.stdin, stdout: child.stdout, closed, close: () => child.kill('SIGTERM') }
}

/** The last line of what ssh says: warnings and banners come before it. */
function collected(stream: Readable): () => string {
  let text = ''
  stream.setEncoding('utf8').on('data', (more: string) => {
    text = (text + more).slice(-WORDS_BYTES)
  })
  return () =>
    text
      .trimEnd()
      .split(/[\r\n]+/)
      .at(-1)
      ?.trim() ?? ''
}

/** One for each process of the tool, so that none closes what another uses. */
function socketFolder(): string {
  if (folder === undefined) {
    const short = tmpdir().length <= LONGEST_FOLDER ? tmpdir() : '/tmp'
    removeForsaken(short)
    folder = mkdtempSync(join(short, FOLDER))
    release = takeFileLock(join(folder, LOCK))
    process.once('exit', hangUp)
  }
  return folder
}

function foldersIn(place: string): string[] {
  try {
    const names = readdirSync(place).filter((name) => name.startsWith(FOLDER))
    return names.map((name) => join(place, name))
  } catch {
    // A folder for temporary files need not let itself be listed.
    return []
  }
}

/** Removes what our tools left that were killed. */
function removeForsaken(place: string): void {
  const before = Date.now() - OLD_MS
  for (const path of foldersIn(place)) {
    const lock = join(path, LOCK)
    try {
      const { uid, mtimeMs } = lstatSync(path)
      if (uid !== process.geteuid?.() || mtimeMs > before || !existsSync(lock)) continue
      const letGo = takeFileLock(lock)
      if (letGo === undefined) continue
      rmSync(path, { recursive: true, force: true })
      letGo()
    } catch {
      // Another tool is removing it at the same moment, or it can stay.
    }
  }
}

/** Closes all connections, and leaves nothing of them behind. */
export function hangUp(): void {
  if (folder === undefined) return
  for (let socket = 1; socket <= count; socket += 1) {
    const path = join(folder, String(socket))
    const options = ['-o', `ControlPath=${path}`, '-O', 'exit', '--', 'any']
    if (existsSync(path)) spawnSync('ssh', options, { stdio: 'ignore', timeout: 2000 })
  }
  masters.clear()
  rmSync(folder, { recursive: true, force: true })
  release?.()
  process.off('exit', hangUp)
  folder = undefined
  count = 0
}
