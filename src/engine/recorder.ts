/** The one hand that writes a run's journal: durable first, then folded, then shown. */
import type { Event, NewEvent } from '../core/events.ts'
import { hostIn } from '../core/hosts.ts'
import { apply, type RunState } from '../core/state.ts'
import type { Store } from '../stores/store.ts'

export interface Recorder {
  readonly state: RunState
  readonly epoch: number
  /** Appends all or none. Throws exit 7 when the run was taken over, exit 12 when the store is gone. */
  record(...news: NewEvent[]): Promise<void>
  /**
   * For an end that a receipt tells of as well: folded at once, so that the run can go on, and made
   * durable and shown together with what is recorded next, or when there is nothing else to do. The
   * next `record` throws what went wrong with it.
   */
  recordSoon(...news: NewEvent[]): void
}

/** `redact` hides secrets in everything that is written; `shown` is told after it is durable. */
export function recorder(
  store: Store,
  lease: { run: string; epoch: number },
  state: RunState,
  redact: <T>(value: T) => T,
  shown: (event: Event, state: RunState) => void,
): Recorder {
  const { run, epoch } = lease
  let folded: NewEvent[] = []
  let unwatched = Promise.resolve()

  const told = (event: NewEvent): NewEvent => {
    const host = 'step' in event ? hostIn(event.step) : undefined
    return redact(host === undefined ? event : { ...event, host })
  }
  const write = async (news: NewEvent[]): Promise<void> => {
    const before = folded
    folded = []
    const events = await store.append(run, epoch, [...before, ...news.map(told)])
    for (const [index, event] of events.entries()) {
      if (index >= before.length) apply(state, event)
      shown(event, state)
    }
  }
  return {
    state,
    epoch,
    async record(...news) {
      await unwatched
      await write(news)
    },
    recordSoon(...news) {
      const at = new Date().toISOString()
      for (const event of news.map(told)) {
        folded.push({ ...event, at })
        apply(state, { ...event, at, seq: state.events + 1, run, prev: '' })
      }
      setImmediate(() => {
        if (folded.length > 0) unwatched = write([])
        // Whoever records next waits for this write, and meets its error there.
        unwatched.catch(() => undefined)
      })
    },
  }
}
