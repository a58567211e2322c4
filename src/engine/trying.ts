/** An action tried until it works or its `retry` is used up: the same for what is done and what is undone. */
import { milliseconds } from '../core/durations.ts'
import type { Failure, NewEvent, ProcessIdentity } from '../core/events.ts'
import type { Attempt, Step } from '../core/runbook.ts'
import { resolve } from '../core/templates.ts'
import { sleepUnless } from '../lib/pause.ts'
import { perform, type Judged, type Role } from './attempt.ts'
import { role, stepScope } from './roles.ts'
import { attemptFolder, type Runtime } from './runtime.ts'
import { failureOf } from './telling.ts'

interface Trying {
  what: 'doing' | 'undoing'
  /** The number of the first attempt; they are counted over the whole run. */
  first: number
  lent: Pick<Role, 'kind'> & Partial<Pick<Role, 'part' | 'ask'>>
  /** The name of an attempt's folder. */
  folder: (attempt: number) => string
  /** What is to be durable before an attempt may begin. */
  intent: (attempt: number, begun: { folder: string; process?: ProcessIdentity }) => NewEvent[]
  /** The end of an attempt that failed and is not the last. */
  failed: (attempt: number, judged: Judged, failure: Failure) => NewEvent[]
}

interface Tried {
  /** The last one. */
  attempt: number
  judged: Judged
  /** Its intent was recorded; otherwise nothing was begun. */
  armed: boolean
}

/**
 * Performs it, and again while it fails as often as its `retry` says. There is no other attempt once
 * somebody wants it to stop, nor while the one before may still run.
 */
export async function tryOut(
  rt: Runtime,
  step: Step,
  action: Attempt,
  { what, first, lent, folder, intent, failed }: Trying,
): Promise<Tried> {
  const { retry } = action
  const times = retry !== undefined && 'attempts' in retry ? retry.attempts : 1
  for (let attempt = first; ; attempt += 1) {
    rt.view.progress({
      kind: 'doing',
      step: step.id,
      what,
      ...(attempt > first && { detail: `attempt ${attempt}` }),
    })
    let armed = false
    const name = folder(attempt)
    const judged = await perform(rt, action, {
      ...role(rt, step, attempt, name),
      ...lent,
      gate: async (process) => {
        const path = attemptFolder(rt, rt.run, step.id, name).slice(rt.root.length + 1)
        await rt.journal.record(
          ...intent(attempt, { folder: path, ...(process !== undefined && { process }) }),
        )
        armed = true
      },
    })
    const used = attempt - first + 1 === times
    const lost = judged.outcome.problem?.kind === 'lost'
    const over = judged.answer === 'holds' || used || lost || rt.stop.asked() !== undefined
    if (!armed || over) return { attempt, judged, armed }
    const reason = judged.outcome.problem?.kind === 'timeout' ? 'timeout' : 'action_failed'
    await rt.journal.record(...failed(attempt, judged, failureOf(rt, step, judged, reason)))
    const every = resolve(retry?.every ?? '0s', stepScope(rt, step))
    await sleepUnless(milliseconds(String(every)), rt.stop.interrupt)
  }
}
