/** The one hand that writes a run's journal: durable first, then folded, then shown. */
import type { Event, NewEvent } from '../core/events.ts'
import { apply, type RunState } from '../core/state.ts'
import type { Store } from '../stores/store.ts'

export interface Recorder {
  readonly state: RunState
  readonly epoch: number
  /** Appends all or none. Throws exit 7 when the run was taken over, exit 12 when the store is gone. */
  record(...news: NewEvent[]): Promise<void>
}

/** `redact` hides secrets in everything that is written; `shown` is told after it is durable. */
export function recorder(
  store: Store,
  lease: { run: string; epoch: number },
  state: RunState,
  redact: <T>(value: T) => T,
  shown: (event: Event, state: RunState) => void,
): Recorder {
  return {
    state,
    epoch: lease.epoch,
    async record(...news) {
      const events = await store.append(lease.run, lease.epoch, news.map(redact))
      for (const event of events) {
        apply(state, event)
        shown(event, state)
      }
    },
  }
}
