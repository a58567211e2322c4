/** What the commands share that look at one run and change nothing: `status`, `logs`, `report`. */
import type { Command } from 'commander'
import { findMeant } from '../engine/known-names.ts'
import { openSession, type KnownRun, type Session } from '../engine/session.ts'
import { findRoot } from '../language/find.ts'
import {
  environmentFlag,
  outputFlags,
  storeFlag,
  type OutputFlags,
  type StoreFlags,
} from './flags.ts'

export interface ReadingFlags extends OutputFlags, StoreFlags {
  env?: string
}

export function runArgument(command: Command): Command {
  command.argument('[run]', "a run id, or a runbook's name; left out: the newest of all")
  return environmentFlag(command, "with a runbook's name: which of its environments")
}

export function readingFlags(command: Command, forms = ['text', 'json']): Command {
  return storeFlag(outputFlags(command, forms))
}

/** Reads the run that is meant, with the journal open; says so where nothing has run. */
export async function readRun(
  run: string | undefined,
  { env, store: url }: ReadingFlags,
  read: (known: KnownRun, session: Session) => Promise<void>,
): Promise<void> {
  const session = openSession(findRoot(process.cwd()), url)
  try {
    const known = await findMeant(session, { run, environment: env })
    if (known === undefined) process.stderr.write('Nothing has run here.\n')
    else await read(known, session)
  } finally {
    await session.store.close()
  }
}
