/** From the moment a process on another machine may act to its end, over however many connections. */
import { constants, mkdirSync, writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ProcessIdentity } from '../core/events.ts'
import { onDisk } from './disk.ts'
import { limit, type Ending, type Work } from './ending.ts'
import { call, type Call, type Hearing } from './far-call.ts'
import type { Place } from './far-folders.ts'
import { END, FIND } from './far-shell.ts'
import { tokenOf } from './gate.ts'
import { kept, openStreams, type Streams } from './output.ts'
import { codeOfSignal } from './signals.ts'

/** A process for another machine; `cwd` is a path there, empty for the folder one logs in to. */
export interface FarWork extends Work {
  place: Place
  /** A folder here of this attempt's own, for its output. */
  folder: string
  /** Whether it is to be found again. If not, it ends with the connection. */
  recoverable: boolean
  /** Returns when the intent is durable; then it may begin. */
  gate: (process?: ProcessIdentity) => Promise<void>
}

/** What is left to know of one that was let go. */
export type Waiting = Omit<FarWork, 'gate' | 'command' | 'recoverable' | 'env' | 'cwd'>

/** Between two attempts to get a connection back. */
const AGAIN_MS = 500
/** For the far side to start a shell that is ready; and after a limit, for the end to be heard of. */
export const PATIENCE_MS = 30_000

/** What has been heard of a process so far, over however many connections. */
interface Heard {
  said: Map<string, string[]>
  notes: string[]
  out: number
  err: number
}

/** Keeps what it says, and writes its output where it belongs. */
export function hearInto(
  streams: Streams,
  onSaid: () => void = () => {},
): Hearing & { heard: Heard } {
  const heard: Heard = { said: new Map(), notes: [], out: 0, err: 0 }
  return {
    heard,
    said: (word, rest) => {
      if (word === 'note') heard.notes.push(rest.join(' '))
      else heard.said.set(word, rest)
      onSaid()
    },
    shown: (name, bytes) => {
      heard[name] += bytes.length
      try {
        writeSync(streams[name].fd, bytes)
      } catch {
        // The disk is full: output is lost, which harms less than an end that nobody notes.
      }
    },
  }
}

interface End {
  reason: Ending['reason']
  forced: boolean
  /** Why nobody knows how it ended. */
  lost?: string
}

/** From the moment it may act to its end: its limits, and the connection, got back when it is lost. */
export async function attendFar(
  work: Waiting & { recoverable: boolean },
  wrapper: ProcessIdentity,
  first: Call,
  hearing: Hearing & { heard: Heard },
  left_ms: number,
): Promise<End> {
  // Until a limit is reached there is time; after it, so much as it takes to hear of the end.
  let until = Infinity
  let unended = () => {}
  const cannotEnd = new Promise<string>((resolve) => {
    unended = () => {
      until = 0
      resolve('the host could not be told to end it')
    }
  })
  const guard = limit(
    work,
    async (graces) => {
      until = performance.now() + graces.interrupt_ms + graces.terminate_ms + PATIENCE_MS
      const forced = await endThere(work, wrapper, graces)
      if (forced === undefined) unended()
      return forced ?? false
    },
    left_ms,
  )
  let current: Call | { why: string } = first
  for (;;) {
    const lost: string | undefined =
      'why' in current ? current.why : await Promise.race([current.over, cannotEnd])
    if (lost === undefined || !work.recoverable || performance.now() > until) {
      guard.stop()
      if (!('why' in current)) current.close()
      if (lost !== undefined) return { reason: guard.reason, forced: false, lost }
      return { reason: guard.reason, forced: await guard.forced }
    }
    await Promise.race([cannotEnd, sleep(AGAIN_MS)])
    current = await find(work, wrapper, hearing)
  }
}

/** A new connection to what may still run, or has ended meanwhile; goes on where the last one broke off. */
export function find(
  { place, folder, leaves_processes }: Waiting,
  wrapper: ProcessIdentity,
  hearing: Hearing & { heard: Heard },
): Promise<Call | { why: string }> {
  const { out, err } = hearing.heard
  const who = [place.folder, ...identityFields(wrapper), tokenOf(folder)]
  const rest = [leaves_processes ? 'yes' : 'no', String(out), String(err)]
  return call(place.destination, FIND, [...who, ...rest], hearing)
}

/** Whether it took force; undefined when nobody could be told. */
async function endThere(
  { place, folder }: Waiting,
  wrapper: ProcessIdentity,
  graces: { interrupt_ms: number; terminate_ms: number },
): Promise<boolean | undefined> {
  let forced: boolean | undefined
  const ending = await call(
    place.destination,
    END,
    [
      ...identityFields(wrapper),
      tokenOf(folder),
      String(graces.interrupt_ms),
      String(graces.terminate_ms),
    ],
    { said: (word, [how]) => void (word === 'ended' && (forced = how === 'yes')), shown: () => {} },
  )
  if (!('why' in ending)) await ending.over
  return forced
}

/** The files of an attempt's output here, with nothing in them yet. */
export function emptyStreams(folder: string): Streams {
  return onDisk(folder, () => {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    return openStreams(folder, constants.O_TRUNC)
  })
}

/** What one says of an end that was heard of. Lets the streams go. */
export function endingOf(end: End, heard: Heard, streams: Streams, took_ms: number): Ending {
  const { reason, forced } = end
  const [code = 'gone', began = '-', ended = '-'] = heard.said.get('end') ?? []
  const [stdout, stderr] = [kept(streams.out), kept(streams.err)]
  streams.release(false)
  // Found again, it had not begun, and now it never can.
  const never = heard.said.has('never') || (heard.said.has('end') && began === '-')
  const lost = end.lost ?? (heard.said.has('end') || never ? undefined : 'it left no receipt')
  return {
    exit_code: code === 'gone' ? codeOfSignal('SIGKILL') : Number(code),
    ...(reason === undefined ? {} : { reason }),
    ...(lost === undefined ? {} : { lost }),
    ...(never ? { unstarted: 'it had not begun when the connection was lost' } : {}),
    stdout,
    stderr,
    duration_ms: Math.round(millisecondsOf(ended) - millisecondsOf(began) || took_ms),
    notes: forced ? ['forced: it was ended by KILL', ...heard.notes] : heard.notes,
  }
}

/** The shell writes seconds with the decimal sign of its language; NaN when it cannot tell. */
export function millisecondsOf(seconds: string): number {
  return Number(seconds.replace(',', '.') || NaN) * 1000 || NaN
}

function identityFields({ pid, start, boot }: ProcessIdentity): string[] {
  return [String(pid), start, boot]
}

/** Who it is, as it said itself. */
export function identityIn(said: string[] | undefined): ProcessIdentity | undefined {
  const [pid, start, boot] = said ?? []
  if (start === undefined || boot === undefined) return undefined
  return { pid: Number(pid), start, boot }
}
