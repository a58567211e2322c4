/** Output in files: followed while it grows, read bounded, and kept from filling the disk. */
import { randomUUID } from 'node:crypto'
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { StringDecoder } from 'node:string_decoder'
import { succeeds } from './processes.ts'

/** What expressions see of one stream at most; of more, its first and its last half. */
export const SEEN_BYTES = 2 ** 20
/** What a file keeps of its head and of its tail when it is cut. */
const KEPT_BYTES = 2 ** 20
/** By so much a file may grow before it is cut in its middle. */
const FLOOD_BYTES = 64 * 2 ** 20
/** At the end a file is cut from this size on. */
const LARGE_BYTES = 4 * 2 ** 20
/** What is passed on at once; people cannot read more of it in that time either. */
const SHOWN_BYTES = 64 * 2 ** 10
const EVERY_MS = 80
const TAIL_BYTES = 4096
/** A writer may be faster than we are. */
const MOST_ROUNDS = 5

/** One stream of a process, in a file that it appends to and that is open for reading here. */
export interface Stream {
  fd: number
  /** Where the same file can be opened for writing anywhere; undefined where it has no name at all. */
  path: () => string | undefined
  /** Taken out of the middle so far. */
  dropped: number
}

export interface Streams {
  out: Stream
  err: Stream
  /** `held`: others may still write into them. */
  release: (held: boolean) => void
}

export interface Kept {
  text: string
  /** All that was written, as far as we saw it. */
  bytes: number
  /** Whether the middle of it was left out. */
  cut: boolean
}

/** Of what never wrote. */
export const NOTHING: Kept = { text: '', bytes: 0, cut: false }

function readAt(fd: number, position: number, length: number): Buffer {
  const buffer = Buffer.allocUnsafe(length)
  let filled = 0
  while (filled < length) {
    const n = readSync(fd, buffer, filled, length - filled, position + filled)
    if (n === 0) break
    filled += n
  }
  return buffer.subarray(0, filled)
}

/** Without the bytes of a character that the cut went through. */
function trimmed(bytes: Buffer, at: 'start' | 'end'): Buffer {
  const continues = (i: number) => ((bytes[i] ?? 0) & 0xc0) === 0x80
  if (at === 'start') {
    let start = 0
    while (start < 3 && continues(start)) start += 1
    return bytes.subarray(start)
  }
  let last = bytes.length - 1
  while (last > bytes.length - 4 && continues(last)) last -= 1
  return (bytes[last] ?? 0) >= 0xc0 ? bytes.subarray(0, last) : bytes
}

/** More than what stands for a gap takes: with it, a text is no longer than what may be seen. */
const GAP_BYTES = 64

const gap = (bytes: number) => `\n[… ${bytes} bytes left out …]\n`

/** All of a text, or its head and tail. Invalid UTF-8 becomes U+FFFD. */
export function kept(stream: Stream, limit = SEEN_BYTES): Kept {
  const { size } = fstatSync(stream.fd)
  const bytes = size + stream.dropped
  if (size <= limit) return { text: readAt(stream.fd, 0, size).toString(), bytes, cut: false }
  const half = (limit - GAP_BYTES) / 2
  const head = trimmed(readAt(stream.fd, 0, half), 'end')
  const tail = trimmed(readAt(stream.fd, size - half, half), 'start')
  const text = `${head.toString()}${gap(bytes - 2 * half)}${tail.toString()}`
  return { text, bytes, cut: true }
}

/** The last few KiB of several texts, as a person wants them below an error. */
export function tailOf(...texts: string[]): string {
  return texts
    .filter((text) => text !== '')
    .map((text) => text.replace(/\n$/, '').slice(-TAIL_BYTES / texts.length))
    .join('\n')
}

/**
 * Gives the space of the middle back while others append: as a hole, which touches nothing that is
 * written meanwhile, where the system can make one.
 */
function cut(stream: Stream): void {
  const path = stream.path()
  const length = fstatSync(stream.fd).size - 2 * KEPT_BYTES
  const hole = ['--punch-hole', '--offset', String(KEPT_BYTES), '--length', String(length)]
  if (path !== undefined && !succeeds(['fallocate', ...hole, path])) shorten(stream)
}

/**
 * Takes the middle out of a file: the tail moves up to the head, and the rest is cut off. Who
 * appends to it goes on at its new end. What is written in the instant before the cut would be
 * lost, so what came while the tail was moved is moved as well, and only then it is cut.
 */
function shorten(stream: Stream): void {
  const path = stream.path()
  if (path === undefined) return
  const file = openSync(path, O_WRONLY | (path.startsWith('/proc/') ? 0 : O_NOFOLLOW))
  let moved = fstatSync(stream.fd).size - KEPT_BYTES
  let end = KEPT_BYTES
  try {
    for (let round = 0; round < MOST_ROUNDS; round += 1) {
      const more = readAt(stream.fd, moved, fstatSync(stream.fd).size - moved)
      if (more.length === 0) break
      writeSync(file, more, 0, more.length, end)
      moved += more.length
      end += more.length
    }
    ftruncateSync(file, end)
  } finally {
    closeSync(file)
  }
  stream.dropped += moved - end
}

const { O_APPEND, O_CREAT, O_EXCL, O_NOFOLLOW, O_RDWR, O_WRONLY } = constants
export const APPENDED = O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW

/** The two files of output of an attempt, in its folder. */
export function openStreams(folder: string, flags = 0): Streams {
  const open = (name: string): Stream => {
    const path = join(folder, name)
    return { fd: openSync(path, APPENDED | flags, 0o600), path: () => path, dropped: 0 }
  }
  const [out, err] = [open('out'), open('err')]
  const release = () => {
    for (const stream of [out, err]) {
      compact(stream)
      closeSync(stream.fd)
    }
  }
  return { out, err, release }
}

const idle: { out: Stream; err: Stream }[] = []

/** Two files that have no name any more, empty; given back they serve the next. */
export function borrowStreams(): Streams {
  const open = (): Stream => {
    const path = join(tmpdir(), `runbook-${randomUUID()}`)
    const fd = openSync(path, APPENDED | O_EXCL, 0o600)
    unlinkSync(path)
    const again = `/proc/${process.pid}/fd/${fd}`
    return { fd, path: () => (existsSync(again) ? again : undefined), dropped: 0 }
  }
  const pair = idle.pop() ?? { out: open(), err: open() }
  const release = (held: boolean) => {
    for (const stream of [pair.out, pair.err]) {
      if (held) closeSync(stream.fd)
      else if (fstatSync(stream.fd).size > 0) ftruncateSync(stream.fd)
      stream.dropped = 0
    }
    if (!held) idle.push(pair)
  }
  return { ...pair, release }
}

/** At the end of an action: a log that nobody would read through does not stay on the disk. */
function compact(stream: Stream): void {
  if (fstatSync(stream.fd).size > LARGE_BYTES) shorten(stream)
}

/**
 * Passes on what is appended to the streams, a few times a second, and once more on `stop`. An
 * action that ends sooner costs one timer. Of a flood only the newest is passed on.
 */
export function follow(streams: Stream[], show: (text: string) => void): { stop: () => void } {
  const decoder = () => new StringDecoder('utf8')
  const heads = streams.map((stream) => ({ stream, seen: 0, cut: 0, decoder: decoder() }))
  const pass = () => {
    for (const head of heads) {
      const { size } = fstatSync(head.stream.fd)
      if (size < head.seen) head.seen = 0 // a script that opens /dev/stderr empties the file
      if (size === head.seen) continue
      const from = Math.max(head.seen, size - SHOWN_BYTES)
      if (from > head.seen) {
        show(head.decoder.end() + gap(from - head.seen))
        // From a whole line on: of a secret on the line that was cut, half might be left.
        const rest = trimmed(readAt(head.stream.fd, from, size - from), 'start').toString()
        show(rest.slice(rest.indexOf('\n') + 1))
      } else {
        show(head.decoder.write(readAt(head.stream.fd, from, size - from)))
      }
      head.seen = size
      if (size - head.cut < FLOOD_BYTES) continue
      cut(head.stream)
      head.cut = Math.min(size, fstatSync(head.stream.fd).size)
      head.seen = head.cut
    }
  }
  const timer = setInterval(pass, EVERY_MS)
  return {
    stop: () => {
      clearInterval(timer)
      pass()
      for (const { decoder } of heads) {
        const rest = decoder.end()
        if (rest !== '') show(rest)
      }
    },
  }
}
