/** Coming back to a process on another machine, whose tool or connection was lost. */
import type { ProcessIdentity } from '../core/events.ts'
import {
  attendFar,
  emptyStreams,
  endingOf,
  find,
  hearInto,
  millisecondsOf,
  type Waiting,
} from './far-attend.ts'
import { touch } from './far-folders.ts'
import { follow } from './output.ts'
import type { Found } from './receipt.ts'
import { connect } from './ssh.ts'

export type FarFound = Found | { state: 'unreachable'; why: string }

/**
 * Finds out what came of an attempt over there, as its receipt tells: waits for one that still runs,
 * its timeout counted from its own start; `running` is called first.
 */
export async function recoverFar(
  work: Waiting,
  wrapper: ProcessIdentity,
  running: (process: ProcessIdentity) => void,
): Promise<FarFound> {
  const { place, folder } = work
  const connected = await connect(place.destination)
  if ('why' in connected) return { state: 'unreachable', why: connected.why }
  touch(place)
  // All of its output is still over there.
  const streams = emptyStreams(folder)
  let spoken = () => {}
  const isSpoken = new Promise<void>((resolve) => (spoken = resolve))
  const hearing = hearInto(streams, () => {
    spoken()
  })
  const { said } = hearing.heard
  const first = await find(work, wrapper, hearing)
  const lost = 'why' in first ? first.why : await Promise.race([isSpoken, first.over])
  if ('why' in first || !(said.has('running') || said.has('ended'))) {
    streams.release(false)
    if (said.has('never')) return { state: 'never' }
    return said.has('unknown') ? { state: 'unknown' } : { state: 'unreachable', why: lost ?? '' }
  }
  const [began, now] = (said.get('running') ?? []).map(millisecondsOf)
  if (said.has('running')) running(wrapper)
  const following = follow([streams.out, streams.err], work.output)
  const left_ms = work.timeout_ms - Math.max(0, (now ?? NaN) - (began ?? NaN) || 0)
  const end = await attendFar({ ...work, recoverable: true }, wrapper, first, hearing, left_ms)
  following.stop()
  const ending = endingOf(end, hearing.heard, streams, 0)
  if (ending.lost !== undefined) return { state: 'unreachable', why: ending.lost }
  // Killed by somebody else: nobody saw how what it ran ended.
  if (said.get('end')?.[0] === 'gone' && !end.forced) return { state: 'unknown' }
  return { state: 'ended', ending }
}
