/** Waiting for a while. */
import { setTimeout as sleep } from 'node:timers/promises'

/** The longest that a timer of Node can wait; what is set for longer fires at once. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1

/** Waits so long, but no longer than until `signal` is aborted: that is an end like the other. */
export async function sleepUnless(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(Math.min(ms, LONGEST_TIMER_MS), undefined, { signal })
  } catch (error) {
    if ((error as Error).name !== 'AbortError') throw error
  }
}
