import type { Command } from 'commander'
import { isDead, type KnownRun, type Session } from '../engine/session.ts'
import { summary } from '../views/json.ts'
import { statusText, type Driver } from '../views/status.ts'
import { examples } from './flags.ts'
import { print } from './print.ts'
import { readingFlags, readRun, runArgument, type ReadingFlags } from './reading.ts'

export function define(command: Command): void {
  readingFlags(runArgument(command))
  examples(command, 'runbook status', 'runbook status qr-login --env prod -o json')
  command.action((ref: string | undefined, flags: ReadingFlags) =>
    readRun(ref, flags, async (known, session) => {
      const driver = await driverOf(session, known)
      print(
        flags,
        (look) => statusText(known.plan, known.state, look, driver),
        summary(known.state, known.plan),
      )
    }),
  )
}

async function driverOf(
  { store, actor }: Session,
  { state }: KnownRun,
): Promise<Driver | undefined> {
  const lease = await store.lease(state.run)
  if (lease === undefined) return undefined
  const { holder, since } = lease
  return { holder, since, ...(holder.host === actor.host && { alive: !isDead(holder) }) }
}
