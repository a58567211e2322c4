/** The time and the interrupt of a role, for verbs whose work is a promise of ours. */
import { LONGEST_TIMER_MS } from '../lib/pause.ts'
import type { ActionContext } from './action.ts'

type Late = 'timeout' | 'interrupted'
/** `error`: what the work settled with after it was told to stop; left out: it did not settle. */
export type Within<T> = { value: T } | { late: Late; error?: unknown }

/** How long work may take to settle once it was told to stop. */
const SETTLE_MS = 2000

/**
 * Does the work. Too late or interrupted, it tells it to `stop` and waits a moment for it to settle.
 * An error of work that was in time is thrown.
 */
export async function within<T>(
  context: Pick<ActionContext, 'timeout_ms' | 'interrupt'>,
  work: () => Promise<T>,
  stop: () => void,
): Promise<Within<T>> {
  const { interrupt } = context
  let late: (why: Late) => void = () => {}
  const lateness = new Promise<Late>((resolve) => (late = resolve))
  const interrupted = () => late('interrupted')
  const timer = setTimeout(() => late('timeout'), Math.min(context.timeout_ms, LONGEST_TIMER_MS))
  interrupt.addEventListener('abort', interrupted)
  if (interrupt.aborted) interrupted()
  try {
    const working = work()
    const first = await Promise.race([working.then((value) => ({ value })), lateness])
    if (typeof first === 'object') return first
    stop()
    const settled = await Promise.race([
      working.then(
        (value) => ({ value }),
        (error: unknown) => ({ error }),
      ),
      new Promise<object>((resolve) => setTimeout(resolve, SETTLE_MS, {}).unref()),
    ])
    // It was done before it could be stopped: then that is what came of it.
    return 'value' in settled ? settled : { late: first, ...settled }
  } finally {
    clearTimeout(timer)
    interrupt.removeEventListener('abort', interrupted)
  }
}
