/**
 * listr2 runs the tree of groups and items: order, concurrency, nesting, live rendering. It knows only
 * the current picture; retry, rollback and signals are the engine's, and stay off there.
 */
import { Listr, type ListrRendererFactory, type ListrTaskWrapper } from 'listr2'
import { isStopped } from '../core/errors.ts'
import { halt, type Runtime } from './runtime.ts'

/** One row of the tree. `run` never rejects but for a fault of ours or a lost journal. */
interface Item {
  title: string
  run: () => Promise<void>
}

export interface Group {
  title: string
  concurrent: number
  items: Item[]
}

/** Runs all items in order until `rt.halt` is set. Throws what made the engine itself break. */
export async function drive(rt: Runtime, groups: readonly Group[]): Promise<void> {
  const renderer = (rt.view.renderer ?? 'silent') as ListrRendererFactory
  const options = {
    concurrent: false,
    exitOnError: true,
    registerSignalListeners: false,
    renderer,
    collectErrors: false,
  } as const
  const list = new Listr<unknown, ListrRendererFactory, ListrRendererFactory>(
    groups.map((group) => ({
      title: group.title,
      task: (_, task) =>
        task.newListr(
          group.items.map((item) => ({
            title: item.title,
            task: (
              _: unknown,
              own: ListrTaskWrapper<unknown, ListrRendererFactory, ListrRendererFactory>,
            ) => runItem(rt, item, own),
          })),
          { concurrent: group.concurrent > 1 ? group.concurrent : false, exitOnError: true },
        ),
    })),
    options,
  )
  try {
    await list.run()
  } catch (error) {
    halt(rt, { kind: 'broken', error })
  }
  if (rt.halt?.kind === 'broken') throw rt.halt.error
}

async function runItem(rt: Runtime, item: Item, task: unknown): Promise<void> {
  if (rt.halt !== undefined) return
  if (rt.stop.asked() !== undefined) {
    halt(rt, { kind: 'paused' })
    return
  }
  rt.view.adopt?.(task)
  try {
    await item.run()
  } catch (error) {
    // Stopped while a question was open, nothing was done that is not recorded. In a concurrent phase the
    // others finish what they began, and none starts.
    halt(rt, isStopped(error) ? { kind: 'paused' } : { kind: 'broken', error })
  }
}
