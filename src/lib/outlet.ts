/** Writing to a terminal or pipe that may go away: then it falls silent, and the run goes on. */
import { lookOf, size, type Look, type Surface } from './terminal.ts'

/** Standard output or error, or in tests anything like them. */
export type OutStream = Surface & {
  write(text: string): boolean
  on(name: 'error' | 'resize', listener: (...args: never[]) => void): unknown
  off(name: 'resize', listener: () => void): unknown
}

export interface Outlet {
  terminal: boolean
  /** How text must look there; columns are those of this moment. */
  look(): Look
  size(): { rows: number; columns: number }
  /** Never throws. */
  write(text: string): void
  /** Whether the reader is gone: hung up (EIO), or the pipe closed (EPIPE). */
  gone(): boolean
  onGone(listener: () => void): void
  /** Gives back what ends the listening. */
  onResize(listener: () => void): () => void
}

interface Fate {
  gone: boolean
  listeners: (() => void)[]
}

/** One for each stream, for good: an error may come long after the last write. */
const fates = new WeakMap<OutStream, Fate>()

function fateOf(stream: OutStream): Fate {
  const known = fates.get(stream)
  if (known !== undefined) return known
  const fate: Fate = { gone: false, listeners: [] }
  fates.set(stream, fate)
  stream.on('error', () => lose(fate))
  return fate
}

function lose(fate: Fate): void {
  if (fate.gone) return
  fate.gone = true
  for (const listener of fate.listeners) listener()
}

/**
 * A way to write that never throws. Whatever the error is, nobody reads there any more; what matters
 * is in the journal.
 */
export function outlet(
  stream: OutStream,
  env: Record<string, string | undefined> = process.env,
): Outlet {
  const fate = fateOf(stream)
  return {
    terminal: stream.isTTY === true,
    look: () => lookOf(stream, env),
    size: () => size(stream),
    write(text) {
      if (fate.gone || text === '') return
      try {
        stream.write(text)
      } catch {
        lose(fate)
      }
    },
    gone: () => fate.gone,
    onGone(listener) {
      if (fate.gone) listener()
      else fate.listeners.push(listener)
    },
    onResize(listener) {
      stream.on('resize', listener)
      return () => stream.off('resize', listener)
    },
  }
}
