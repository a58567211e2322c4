/** What the commands share that look at one run and change nothing: `status`, `logs`, `report`. */
import type { Command } from 'commander'
import { findMeant } from '../engine/known-names.ts'
import type { KnownRun, Session } from '../engine/session.ts'
import {
  environmentFlag,
  outputFlags,
  storeFlag,
  type OutputFlags,
  type StoreFlags,
} from './flags.ts'
import { noRun, printNothing } from './print.ts'
import { withSession } from './session.ts'

export interface ReadingFlags extends OutputFlags, StoreFlags {
  env?: string
}

export function runArgument(command: Command, leftOut = 'the newest of all'): Command {
  command.argument('[run]', `a run id, or a runbook's name; left out: ${leftOut}`)
  return environmentFlag(command, "with a runbook's name: which of its environments")
}

export function readingFlags(command: Command, forms = ['text', 'json']): Command {
  return storeFlag(outputFlags(command, forms))
}

/**
 * Reads the run that is meant, with the journal open; says so where nothing has run: as JSON by `none`.
 * `find`: which run is meant, in place of the newest.
 */
export function readRun(
  run: string | undefined,
  flags: ReadingFlags,
  read: (known: KnownRun, session: Session) => Promise<void>,
  { none, find = findMeant }: { none?: unknown; find?: typeof findMeant } = {},
): Promise<void> {
  return withSession(flags, async (session) => {
    const reference = { run, environment: flags.env }
    const known = await find(session, reference)
    if (known === undefined) printNothing(flags, 'Nothing has run here.', none ?? noRun(reference))
    else await read(known, session)
  })
}
