/** What became of a process whose tool died: the receipt tells, or it is still running. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ProcessIdentity } from '../core/events.ts'
import { finish, limit, type Ending } from './ending.ts'
import { tokenOf, type Gated } from './gate.ts'
import { follow, openStreams } from './output.ts'
import { alive, bootId, identify } from './processes.ts'
import { codeOfSignal } from './signals.ts'
import { endLeftovers, endTree } from './tree.ts'

export type Found = { state: 'never' } | { state: 'unknown' } | { state: 'ended'; ending: Ending }

interface Receipt {
  started: boolean
  /** Milliseconds since 1970, where the shell could tell. */
  started_at?: number
  exit_code?: number
  ended_at?: number
}

type Waiting = Omit<Gated, 'gate' | 'command'>

const POLL_MS = 25

/** A line counts when its newline is there. Undefined when the file is gone. */
function readReceipt(folder: string): Receipt | undefined {
  let text: string
  try {
    text = readFileSync(join(folder, 'receipt'), 'utf8')
  } catch {
    return undefined
  }
  const [, started] = /^started (.*)\n/.exec(text) ?? []
  const [, code, ended] = /^exit (\d+) (.*)\n/m.exec(text) ?? []
  // The shell writes seconds with the decimal sign of its language.
  const when = (seconds: string | undefined) => Number(seconds?.replace(',', '.') || NaN) * 1000
  return {
    started: started !== undefined,
    ...(when(started) > 0 ? { started_at: when(started) } : {}),
    ...(code === undefined ? {} : { exit_code: Number(code) }),
    ...(when(ended) > 0 ? { ended_at: when(ended) } : {}),
  }
}

/**
 * Finds out what came of an attempt. `wrapper` is the process that waited at the gate, as the
 * journal has it. One that still runs is waited for, with its output followed and its timeout
 * counted from its own start; `running` is called first.
 *
 * Nothing started is certain only on the same boot: after a loss of power the receipt may be lost.
 */
export async function recoverGated(
  options: Waiting,
  wrapper: ProcessIdentity,
  running: (process: ProcessIdentity) => void,
): Promise<Found> {
  const { folder } = options
  let watch: ReturnType<typeof wait> | undefined
  while (alive(wrapper)) {
    const receipt = readReceipt(folder)
    // Not let go yet, it sees the end of its pipe and leaves; there is nothing to tell of then.
    if (receipt?.started === true && watch === undefined) {
      running(wrapper)
      watch = wait(options, wrapper, receipt.started_at ?? Date.now())
    }
    await sleep(watch === undefined ? 2 : POLL_MS)
  }
  const { reason, forced } = (await watch?.gone()) ?? { reason: undefined, forced: false }
  const receipt = readReceipt(folder)
  // Once its wrapper is gone, the number may be another's; while nobody has it, its session is still it.
  const free = wrapper.boot === bootId() && identify(wrapper.pid) === undefined
  const leader = free ? wrapper.pid : undefined
  const tree = { leader, token: tokenOf(folder) }
  // One that we had to end by KILL writes no receipt, and yet we know how it ended.
  const exit_code = receipt?.exit_code ?? (forced ? codeOfSignal('SIGKILL') : undefined)
  if (receipt === undefined || exit_code === undefined) {
    if (!options.leaves_processes) await endLeftovers(tree, 0)
    watch?.following.stop()
    watch?.streams.release(false)
    const never = receipt?.started === false && wrapper.boot === bootId()
    return { state: never ? 'never' : 'unknown' }
  }
  const { started_at = NaN, ended_at = NaN } = receipt
  const end = {
    exit_code,
    duration_ms: Math.max(0, Math.round(ended_at - started_at) || 0),
    forced,
    reason,
  }
  const streams = watch?.streams ?? openStreams(folder)
  const following = watch?.following ?? follow([streams.out, streams.err], options.output)
  return {
    state: 'ended',
    ending: await finish(end, tree, streams, following, options.leaves_processes),
  }
}

/** Stands in for the tool that died: follows the output, keeps the time, ends the tree. */
function wait(options: Waiting, wrapper: ProcessIdentity, started_at: number) {
  const streams = openStreams(options.folder)
  let exit = () => {}
  const exited = new Promise<void>((resolve) => (exit = resolve))
  const elapsed_ms = Math.max(0, Date.now() - started_at)
  const tree = { leader: wrapper.pid, token: tokenOf(options.folder) }
  const left_ms = options.timeout_ms - elapsed_ms
  const guard = limit(options, (graces) => endTree(tree, exited, graces), left_ms)
  return {
    streams,
    following: follow([streams.out, streams.err], options.output),
    gone: async () => {
      exit()
      guard.stop()
      return { forced: await guard.forced, reason: guard.reason }
    },
  }
}
