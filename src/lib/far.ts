/**
 * A process on another machine, with its gate and its receipt there: it outlives the connection and
 * us, and whoever comes back to it learns that it never started, still runs, or how it ended.
 */
import type { Ending } from './ending.ts'
import {
  attendFar,
  emptyStreams,
  endingOf,
  hearInto,
  identityIn,
  PATIENCE_MS,
  type FarWork,
} from './far-attend.ts'
import { call } from './far-call.ts'
import { touch } from './far-folders.ts'
import { LAUNCH, WRAPPER } from './far-shell.ts'
import { tokenOf } from './gate.ts'
import { borrowStreams, follow, NOTHING, type Streams } from './output.ts'
import { LONGEST_TIMER_MS } from './pause.ts'
import { TOKEN } from './tree.ts'

/** Starts a process over there, lets it go when the intent is durable, and waits for its end. */
export async function startFar(work: FarWork): Promise<Ending> {
  const { interrupt } = work
  const streams = work.recoverable ? emptyStreams(work.folder) : borrowStreams()
  const launched = await launch(work, streams)
  if ('why' in launched) {
    streams.release(false)
    return unstarted(launched.why, interrupt.aborted)
  }
  const { started, wrapper, hearing } = launched
  try {
    await work.gate(wrapper)
  } catch (error) {
    started.close()
    streams.release(false)
    throw error
  }
  if (interrupt.aborted) {
    started.close()
    streams.release(false)
    return unstarted('interrupted before it started', true)
  }
  const began = performance.now()
  const following = follow([streams.out, streams.err], work.output)
  started.send('go\n')
  const end = await attendFar(work, wrapper, started, hearing, work.timeout_ms)
  following.stop()
  return endingOf(end, hearing.heard, streams, performance.now() - began)
}

/** Up to where only a word of ours is missing. What is in its way is no end: it never began. */
async function launch(work: FarWork, streams: Streams) {
  const { place, cwd, env, command, interrupt } = work
  let ready = () => {}
  const isReady = new Promise<void>((resolve) => (ready = resolve))
  const hearing = hearInto(streams, () => {
    ready()
  })
  const token = tokenOf(work.folder)
  const name = 'argv' in command ? (command.argv[0] ?? '') : (env.RUNBOOK_STEP ?? 'script')
  const mode = work.recoverable ? 'keep' : 'brief'
  const leaves = work.leaves_processes ? 'yes' : 'no'
  const told = 'argv' in command ? ['program', ...command.argv] : ['script', command.script]
  const variables = Object.entries({ ...env, [TOKEN]: token }).map(([key, v]) => `e${key}=${v}`)
  const fields = [place.folder, cwd, name, mode, leaves, token, WRAPPER, ...variables]
  const all = [...fields, ...told.map((t) => `a${t}`), 'r']
  const dialled = call(place.destination, LAUNCH, all, hearing)
  const limits = AbortSignal.any([
    interrupt,
    AbortSignal.timeout(Math.min(work.timeout_ms, LONGEST_TIMER_MS)),
  ])
  const started = await unless(limits, dialled)
  if (started === undefined) {
    void dialled.then((late) => {
      if (!('why' in late)) late.close()
    })
    return { why: interrupt.aborted ? 'interrupted before it started' : 'no connection in time' }
  }
  if ('why' in started) return started
  if (work.recoverable) touch(place)
  const patience = AbortSignal.any([limits, AbortSignal.timeout(PATIENCE_MS)])
  const lost = await unless(patience, Promise.race([isReady.then(() => ''), started.over]))
  const wrapper = identityIn(hearing.heard.said.get('ready'))
  if (wrapper !== undefined) return { started, wrapper, hearing }
  started.close()
  const cannot = hearing.heard.said.get('cannot')?.join(' ')
  return { why: cannot ?? lost ?? 'the host did not get ready in time' }
}

function unstarted(why: string, interrupted: boolean): Ending {
  const end = { exit_code: 127, unstarted: why, duration_ms: 0, notes: [] }
  return {
    ...end,
    ...(interrupted ? { reason: 'interrupted' } : {}),
    stdout: NOTHING,
    stderr: NOTHING,
  }
}

/** What it comes to, or undefined when the signal comes first. */
function unless<T>(signal: AbortSignal, work: Promise<T>): Promise<T | undefined> {
  if (signal.aborted) return Promise.resolve(undefined)
  return new Promise((resolve, reject) => {
    const stop = () => {
      resolve(undefined)
    }
    signal.addEventListener('abort', stop, { once: true })
    work.then(resolve, reject).finally(() => {
      signal.removeEventListener('abort', stop)
    })
  })
}
