/**
 * Being asked to stop. While a command prepares or merely asks, the first signal ends that, and the next
 * leaves at once. In a run the first finishes the running action, records and pauses; the second interrupts
 * the process tree; the third leaves. While the services end, one is heard and the next leaves. A lost
 * terminal never ends the process before the journal is in order.
 */
import {
  failure,
  STOP_SIGNALS,
  STOPPED_BY,
  type ExitCode,
  type RunbookError,
  type StopSignal as Signal,
} from '../core/errors.ts'

export interface Stop {
  /** The first signal, once there was one. */
  asked(): Signal | undefined
  /** Aborted by the first signal, for what can go on another time: a soak. */
  readonly pause: AbortSignal
  /**
   * Aborted by the second signal of a run, by the first where there is none, or when the lease is lost:
   * whatever runs is interrupted.
   */
  readonly interrupt: AbortSignal
  exitCode(): ExitCode
  /** Interrupts what runs, as the second signal does. */
  now(): void
  /** A run is driven from here on. `left` is what is said when the third signal leaves it behind. */
  runs(left: string): void
  /** Nothing is left but to end what was started beside the run. */
  ends(): void
  /** Gives the signals back to Node. */
  release(): void
}

/**
 * Listens from now on. `say` gets a sentence for a signal, for people; `without` is what is said where a
 * signal leaves and no run is driven.
 */
export function listenForStop(say: (text: string) => void, without: string): Stop {
  const controller = new AbortController()
  const pausing = new AbortController()
  let first: Signal | undefined
  let count = 0
  let last = { signal: '', at: 0 }
  const now = () => {
    pausing.abort()
    controller.abort()
  }
  const leave = (signal: Signal, words: string) => {
    process.stderr.write(`\n${words}\n`)
    process.exit(STOPPED_BY[first ?? signal])
  }

  const preparing = (signal: Signal) => {
    if (count > 1) leave(signal, without)
    first = signal
    say('stopping; once more leaves at once')
    now()
  }
  const running = (left: string) => (signal: Signal) => {
    if (count > 2) leave(signal, left)
    first ??= signal
    if (count === 2) {
      say('interrupting what runs; once more leaves it behind')
      controller.abort()
      return
    }
    pausing.abort()
    say(
      signal === 'SIGHUP'
        ? 'the terminal is gone: finishing what runs, then pausing'
        : 'finishing what runs, then pausing; once more interrupts it',
    )
  }
  const ending = (signal: Signal) => {
    if (count > 1) leave(signal, without)
    say('ending the services; once more leaves them up')
  }

  let heard: (signal: Signal) => void = preparing
  const hear = (by: typeof heard) => {
    heard = by
    count = 0
  }
  const on = (signal: Signal) => () => {
    // A dying terminal, or a wrapper that forwards, delivers one signal twice; that is not a second wish.
    const twice = signal !== 'SIGINT' && last.signal === signal && performance.now() - last.at < 500
    last = { signal, at: performance.now() }
    if (twice) return
    count += 1
    heard(signal)
  }
  const handlers = STOP_SIGNALS.map((signal) => [signal, on(signal)] as const)
  for (const [signal, handler] of handlers) process.on(signal, handler)
  return {
    asked: () => first,
    pause: pausing.signal,
    interrupt: controller.signal,
    exitCode: () => STOPPED_BY[first ?? 'SIGINT'],
    now,
    runs: (left) => {
      hear(running(left))
    },
    ends: () => {
      hear(ending)
    },
    release: () => {
      for (const [signal, handler] of handlers) process.off(signal, handler)
    },
  }
}

/** Throws, with the exit code of the signal, when somebody asked to stop before a run could note it. */
export function demandGoingOn(stop: Stop): void {
  if (stop.asked() !== undefined) throw stoppedBefore(stop.exitCode())
}

/** The error of a command that was stopped before it had a run to drive. */
export function stoppedBefore(exit: ExitCode): RunbookError {
  return failure(exit, 'stopped; no step was touched', { hint: 'give the same command again' })
}
