/** The rows of the tree that listr2 runs: a step, or one on several hosts. */
import { batches, idInRunbook } from '../core/hosts.ts'
import type { Step } from '../core/runbook.ts'
import type { Group } from './drive.ts'
import { halt, type Runtime } from './runtime.ts'

type Item = Group['items'][number]

/** The row of one step. */
export function item(step: Step, run: () => Promise<void>): Item {
  return { id: step.id, title: step.title, run }
}

/** A step; on hosts so many at a time, and none more once the run is to go no further. */
export function itemOf(
  rt: Runtime,
  steps: readonly [Step, ...Step[]],
  run: (step: Step) => Promise<void>,
): Item {
  const [first] = steps
  const one = { ...first, id: idInRunbook(first), title: first.on?.title ?? first.title }
  return item(one, async () => {
    for (const batch of batches(steps, first.hosts?.batch ?? 1)) {
      if (rt.halt === undefined && rt.stop.asked() !== undefined) halt(rt, { kind: 'paused' })
      if (rt.halt !== undefined) return
      const ends = await Promise.allSettled(batch.map(run))
      const broken = ends.find((end) => end.status === 'rejected')
      if (broken !== undefined) throw broken.reason
    }
  })
}
