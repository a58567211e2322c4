/**
 * A process on another machine, with its gate and its receipt there: it outlives the connection and
 * us, and whoever comes back to it learns that it never started, still runs, or how it ended.
 */
import { constants, mkdirSync, writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ProcessIdentity } from '../core/events.ts'
import { onDisk } from './disk.ts'
import { limit, type Ending, type Work } from './ending.ts'
import { call, type Call, type Hearing } from './far-call.ts'
import { END, FIND, FORGET, LAUNCH, WRAPPER } from './far-shell.ts'
import { tokenOf } from './gate.ts'
import { borrowStreams, follow, kept, openStreams, type Streams } from './output.ts'
import type { Found } from './receipt.ts'
import { codeOfSignal } from './signals.ts'
import { connect } from './ssh.ts'
import { TOKEN } from './tree.ts'

/** Where: a destination as ssh knows it, and `run/step/attempt` of this attempt there. */
export interface Place {
  destination: string
  folder: string
}

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

type Waiting = Omit<FarWork, 'gate' | 'command' | 'recoverable' | 'env' | 'cwd'>

export type FarFound = Found | { state: 'unreachable'; why: string }

/** Between two attempts to get a connection back. */
const AGAIN_MS = 500
/** For the far side to start a shell that is ready; and after a limit, for the end to be heard of. */
const PATIENCE_MS = 30_000

/** What has been heard of a process so far, over however many connections. */
interface Heard {
  said: Map<string, string[]>
  notes: string[]
  out: number
  err: number
}

function hearInto(streams: Streams, onSaid: () => void = () => {}): Hearing & { heard: Heard } {
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

/** Starts a process over there, lets it go when the intent is durable, and waits for its end. */
export async function startFar(work: FarWork): Promise<Ending> {
  const { interrupt } = work
  const streams = work.recoverable ? emptyStreams(work.folder) : borrowStreams()
  const launched = await launch(work, streams)
  if ('why' in launched) {
    streams.release(false)
    return unstarted(launched.why, interrupt.aborted)
  }
  const { started, wrapper, hearing } = launched
  try {
    await work.gate(wrapper)
  } catch (error) {
    started.close()
    streams.release(false)
    throw error
  }
  if (interrupt.aborted) {
    started.close()
    streams.release(false)
    return unstarted('interrupted before it started', true)
  }
  const began = performance.now()
  const following = follow([streams.out, streams.err], work.output)
  started.send('go\n')
  const end = await attend(work, wrapper, started, hearing, work.timeout_ms)
  following.stop()
  return endingOf(end, hearing.heard, streams, performance.now() - began)
}

/** Up to where only a word of ours is missing. What is in its way is no end: it never began. */
async function launch(work: FarWork, streams: Streams) {
  const { place, cwd, env, command, interrupt } = work
  let ready = () => {}
  const isReady = new Promise<void>((resolve) => (ready = resolve))
  const hearing = hearInto(streams, () => {
    ready()
  })
  const token = tokenOf(work.folder)
  const name = 'argv' in command ? (command.argv[0] ?? '') : (env.RUNBOOK_STEP ?? 'script')
  const mode = work.recoverable ? 'keep' : 'brief'
  const leaves = work.leaves_processes ? 'yes' : 'no'
  const told = 'argv' in command ? ['program', ...command.argv] : ['script', command.script]
  const variables = Object.entries({ ...env, [TOKEN]: token }).map(([key, v]) => `e${key}=${v}`)
  const fields = [place.folder, cwd, name, mode, leaves, token, WRAPPER, ...variables]
  const all = [...fields, ...told.map((t) => `a${t}`), 'r']
  const dialled = call(place.destination, LAUNCH, all, hearing)
  const limits = AbortSignal.any([
    interrupt,
    AbortSignal.timeout(Math.min(work.timeout_ms, 2 ** 31 - 1)),
  ])
  const started = await unless(limits, dialled)
  if (started === undefined) {
    void dialled.then((late) => {
      if (!('why' in late)) late.close()
    })
    return { why: interrupt.aborted ? 'interrupted before it started' : 'no connection in time' }
  }
  if ('why' in started) return started
  if (work.recoverable) touch(place)
  const patience = AbortSignal.any([limits, AbortSignal.timeout(PATIENCE_MS)])
  const lost = await unless(patience, Promise.race([isReady.then(() => ''), started.over]))
  const wrapper = identityIn(hearing.heard.said.get('ready'))
  if (wrapper !== undefined) return { started, wrapper, hearing }
  started.close()
  const cannot = hearing.heard.said.get('cannot')?.join(' ')
  return { why: cannot ?? lost ?? 'the host did not get ready in time' }
}

interface End {
  reason: Ending['reason']
  forced: boolean
  /** Why nobody knows how it ended. */
  lost?: string
}

/** From the moment it may act to its end: its limits, and the connection, got back when it is lost. */
async function attend(
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
function find(
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

/**
 * Finds out what came of an attempt over there, as its receipt tells: waits for one that still runs,
 * its timeout counted from its own start; `running` is called first.
 */
export async function recoverFar(
  work: Waiting,
  wrapper: ProcessIdentity,
  running: (process: ProcessIdentity) => void,
): Promise<FarFound> {
  const { place, folder } = work
  const connected = await connect(place.destination)
  if ('why' in connected) return { state: 'unreachable', why: connected.why }
  touch(place)
  // All of its output is still over there.
  const streams = emptyStreams(folder)
  let spoken = () => {}
  const isSpoken = new Promise<void>((resolve) => (spoken = resolve))
  const hearing = hearInto(streams, () => {
    spoken()
  })
  const { said } = hearing.heard
  const first = await find(work, wrapper, hearing)
  const lost = 'why' in first ? first.why : await Promise.race([isSpoken, first.over])
  if ('why' in first || !(said.has('running') || said.has('ended'))) {
    streams.release(false)
    if (said.has('never')) return { state: 'never' }
    return said.has('unknown') ? { state: 'unknown' } : { state: 'unreachable', why: lost ?? '' }
  }
  const [began, now] = (said.get('running') ?? []).map(millisecondsOf)
  if (said.has('running')) running(wrapper)
  const following = follow([streams.out, streams.err], work.output)
  const left_ms = work.timeout_ms - Math.max(0, (now ?? NaN) - (began ?? NaN) || 0)
  const end = await attend({ ...work, recoverable: true }, wrapper, first, hearing, left_ms)
  following.stop()
  const ending = endingOf(end, hearing.heard, streams, 0)
  if (ending.lost !== undefined) return { state: 'unreachable', why: ending.lost }
  // Killed by somebody else: nobody saw how what it ran ended.
  if (said.get('end')?.[0] === 'gone' && !end.forced) return { state: 'unknown' }
  return { state: 'ended', ending }
}

/** Steps that may have left a folder over there, in this process of the tool. */
const touched = new Set<string>()
const keyOf = (destination: string, step: string) => `${destination} ${step}`

function touch({ destination, folder }: Place): void {
  touched.add(keyOf(destination, folder.slice(0, folder.lastIndexOf('/'))))
}

/**
 * Removes what steps (`run/step`) have left over there, unless nothing of theirs was begun by us;
 * `all`: whoever began it. Answers why that could not be done.
 */
export async function forgetFar(
  destination: string,
  steps: readonly string[],
  all = false,
): Promise<string | undefined> {
  const left = steps.filter((step) => touched.delete(keyOf(destination, step)) || all)
  if (left.length === 0) return undefined
  const hearing = { said: () => {}, shown: () => {} }
  const forgetting = await call(destination, FORGET, [...left, '.'], hearing)
  return 'why' in forgetting ? forgetting.why : forgetting.over
}

function emptyStreams(folder: string): Streams {
  return onDisk(folder, () => {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    return openStreams(folder, constants.O_TRUNC)
  })
}

function endingOf(end: End, heard: Heard, streams: Streams, took_ms: number): Ending {
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

function unstarted(why: string, interrupted: boolean): Ending {
  const nothing = { text: '', bytes: 0 }
  const end = { exit_code: 127, unstarted: why, duration_ms: 0, notes: [] }
  return {
    ...end,
    ...(interrupted ? { reason: 'interrupted' } : {}),
    stdout: nothing,
    stderr: nothing,
  }
}

/** The shell writes seconds with the decimal sign of its language; NaN when it cannot tell. */
function millisecondsOf(seconds: string): number {
  return Number(seconds.replace(',', '.') || NaN) * 1000 || NaN
}

function identityFields({ pid, start, boot }: ProcessIdentity): string[] {
  return [String(pid), start, boot]
}

function identityIn(said: string[] | undefined): ProcessIdentity | undefined {
  const [pid, start, boot] = said ?? []
  if (start === undefined || boot === undefined) return undefined
  return { pid: Number(pid), start, boot }
}

/** What it comes to, or undefined when the signal comes first. */
function unless<T>(signal: AbortSignal, work: Promise<T>): Promise<T | undefined> {
  if (signal.aborted) return Promise.resolve(undefined)
  return new Promise((resolve, reject) => {
    const stop = () => {
      resolve(undefined)
    }
    signal.addEventListener('abort', stop, { once: true })
    work.then(resolve, reject).finally(() => {
      signal.removeEventListener('abort', stop)
    })
  })
}
