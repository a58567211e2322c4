/**
 * Being asked to stop. The first signal: finish the running action, record, pause. The second:
 * interrupt the process tree. The third: leave at once. A lost terminal never ends the process
 * before the journal is in order.
 */
import { STOPPED_BY, type ExitCode } from '../core/errors.ts'

type Signal = keyof typeof STOPPED_BY

export interface Stop {
  /** The first signal, once there was one. */
  asked(): Signal | undefined
  /** Aborted by the first signal, for what can go on another time: a soak. */
  readonly pause: AbortSignal
  /** Aborted by the second signal, or when the lease is lost: whatever runs is interrupted. */
  readonly interrupt: AbortSignal
  exitCode(): ExitCode
  /** Interrupts what runs, as the second signal does. */
  now(): void
  /** Gives the signals back to Node. */
  release(): void
}

/** Listens from now on. `say` gets one sentence for each signal, for people. */
export function listenForStop(say: (text: string) => void, lastWords: () => string): Stop {
  const controller = new AbortController()
  const pausing = new AbortController()
  let first: Signal | undefined
  let count = 0
  let last = { signal: '', at: 0 }
  const on = (signal: Signal) => () => {
    // A dying terminal, or a wrapper that forwards, delivers one signal twice; that is not a second wish.
    const twice = signal !== 'SIGINT' && last.signal === signal && performance.now() - last.at < 500
    last = { signal, at: performance.now() }
    if (twice) return
    count += 1
    first ??= signal
    if (count === 1) {
      pausing.abort()
      say(
        signal === 'SIGHUP'
          ? 'the terminal is gone: finishing what runs, then pausing'
          : 'finishing what runs, then pausing; once more interrupts it',
      )
    } else if (count === 2) {
      say('interrupting what runs; once more leaves it behind')
      controller.abort()
    } else {
      process.stderr.write(`\n${lastWords()}\n`)
      process.exit(STOPPED_BY[first])
    }
  }
  const handlers = (Object.keys(STOPPED_BY) as Signal[]).map(
    (signal) => [signal, on(signal)] as const,
  )
  for (const [signal, handler] of handlers) process.on(signal, handler)
  return {
    asked: () => first,
    pause: pausing.signal,
    interrupt: controller.signal,
    exitCode: () => STOPPED_BY[first ?? 'SIGINT'],
    now: () => {
      pausing.abort()
      controller.abort()
    },
    release: () => {
      for (const [signal, handler] of handlers) process.off(signal, handler)
    },
  }
}
