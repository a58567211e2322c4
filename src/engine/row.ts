/** A row of the tree that listr2 runs: a step, or one on several hosts. */
import { batches } from '../core/hosts.ts'
import type { Step } from '../core/runbook.ts'
import type { Group } from './drive.ts'
import { halt, type Runtime } from './runtime.ts'

/** A step; on hosts so many at a time, and none more once the run is to go no further. */
export function itemOf(
  rt: Runtime,
  steps: readonly [Step, ...Step[]],
  run: (step: Step) => Promise<void>,
): Group['items'][number] {
  const [first] = steps
  const inTurn = async () => {
    for (const batch of batches(steps, first.hosts?.batch ?? 1)) {
      if (rt.halt === undefined && rt.stop.asked() !== undefined) halt(rt, { kind: 'paused' })
      if (rt.halt !== undefined) return
      const ends = await Promise.allSettled(batch.map(run))
      const broken = ends.find((end) => end.status === 'rejected')
      if (broken !== undefined) throw broken.reason
    }
  }
  return { title: first.on?.title ?? first.title, run: inTurn }
}
