import type { Command } from 'commander'
import { findRun, isDead, openSession, type KnownRun, type Session } from '../engine/session.ts'
import { findRoot } from '../language/find.ts'
import { summary } from '../views/json.ts'
import { statusText, type Driver } from '../views/status.ts'
import {
  environmentFlag,
  examples,
  outputFlags,
  storeFlag,
  type OutputFlags,
  type StoreFlags,
} from './flags.ts'
import { print } from './print.ts'

interface Flags extends OutputFlags, StoreFlags {
  env?: string
}

export function define(command: Command): void {
  command.argument('[run]', "a run id, or a runbook's name; left out: the newest of all")
  environmentFlag(command, "with a runbook's name: which of its environments")
  storeFlag(outputFlags(command, ['text', 'json']))
  examples(command, 'runbook status', 'runbook status qr-login --env prod -o json')
  command.action(async (ref: string | undefined, flags: Flags) => {
    const session = openSession(findRoot(process.cwd()), flags.store)
    const known = await findRun(session.store, { run: ref, environment: flags.env })
    if (known === undefined) process.stderr.write('Nothing has run here.\n')
    else {
      const driver = await driverOf(session, known)
      print(
        flags,
        (look) => statusText(known.plan, known.state, look, driver),
        summary(known.state, known.plan),
      )
    }
    await session.store.close()
  })
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
