/**
 * Plays a made-up run into the live view, to look at it and for the tests:
 * `node tests/views/demo.ts [speed] [question|rollback|die|quit]`.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { Listr, type ListrRendererFactory } from 'listr2'
import { outlet } from '../../src/lib/outlet.ts'
import { liveView } from '../../src/views/live.ts'
import { bigPlan, journal } from './fixture.ts'
import { failure } from './stories.ts'

const speed = Number(process.argv[2] ?? 1)
const question = process.argv.includes('question')
const rollback = process.argv.includes('rollback')
const plan = bigPlan()
const failing = 'release_5'
const view = liveView(outlet(process.stderr))
const run = journal(view)
const tick = async (ms: number) => {
  await sleep(ms / speed)
  run.wait(Date.now() - run.at())
}

async function output(step: string, lines: number): Promise<void> {
  for (let i = 1; i <= lines; i++) {
    const text = `${i}/${lines} 行 \x1b[32mapplied\x1b[0m migration_${i} \x1b[2J ${'long '.repeat(30)}\n`
    view.progress({ kind: 'output', step, text })
    await tick(120)
  }
}

async function one(id: string): Promise<void> {
  view.progress({ kind: 'doing', step: id, what: 'asking first' })
  await tick(150)
  if (id.startsWith('backup')) {
    run.add({ type: 'step.satisfied', step: id, checks: [], outputs: {} })
    return
  }
  if (process.argv.includes('die') && id === failing) process.exit(1)
  if (process.argv.includes('quit') && id === failing) process.kill(process.pid, 'SIGQUIT')
  run.add({ type: 'step.armed', step: id, attempt: 1 })
  run.add({ type: 'step.started', step: id, attempt: 1 })
  view.progress({ kind: 'doing', step: id, what: 'doing' })
  await output(id, id.endsWith('3') ? 12 : 1)
  view.progress({ kind: 'doing', step: id, what: 'verifying', detail: 'table-exists' })
  await tick(300)
  if (question && id === failing) {
    const answer = await view.choose?.(`Step ${id} failed. What now?`, [
      { value: 'retry', label: 'Try it again' },
      { value: 'rollback', label: 'Roll back everything this run did' },
      { value: 'stop', label: 'Stop here' },
    ])
    view.progress({ kind: 'note', text: `the answer was ${answer ?? 'none'}` })
    const typed = await view.prompt?.('Type the name of the environment to go on')
    view.progress({ kind: 'note', text: `typed: ${typed ?? 'nothing'}` })
  }
  if (rollback && id === failing)
    run.add({ type: 'step.failed', step: id, attempt: 1, failure, duration_ms: 700 })
  else run.add({ type: 'step.done', step: id, attempt: 1, duration_ms: 700 })
}

async function undo(id: string): Promise<void> {
  run.add({ type: 'undo.armed', step: id, attempt: 1, part: 0 })
  view.progress({ kind: 'doing', step: id, what: 'undoing' })
  await output(id, 2)
  view.progress({ kind: 'doing', step: id, what: 'verifying the undo' })
  await tick(300)
  run.add({ type: 'undo.done', step: id, attempt: 1, part: 0, last: true, duration_ms: 540 })
}

run.wait(Date.now() - run.at())
view.start(plan, run.state, 'deploy')
view.progress({ kind: 'place', name: 'services.app', url: 'http://127.0.0.1:4310' })
view.progress({ kind: 'note', text: 'postgres is up' })
let halted = false
const list = new Listr<unknown, ListrRendererFactory, ListrRendererFactory>(
  plan.phases.map((phase) => ({
    title: phase.title,
    task: (_, task) =>
      task.newListr(
        phase.steps.map((id) => ({
          title: id,
          task: async (_: unknown, own) => {
            if (halted) return
            view.adopt?.(own)
            await one(id)
            halted = run.state.steps.get(id)?.status === 'failed'
          },
        })),
      ),
  })),
  { renderer: view.renderer as ListrRendererFactory, registerSignalListeners: false },
)
await list.run()
if (halted) {
  const started = [...run.state.steps.values()].filter((s) => s.started_seq !== undefined)
  run.add({ type: 'run.rolling_back', why: `step ${failing} failed`, automatic: true })
  for (const { id } of started.reverse()) await undo(id)
  run.add({ type: 'run.finished', status: 'rolled_back', exit_code: 4 })
} else run.add({ type: 'run.finished', status: 'succeeded', exit_code: 0 })
await view.end(run.state)
