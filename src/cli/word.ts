/** What the commands share that record a person's word about a run: `resolve`, `abandon`, `sign`. */
import type { Command } from 'commander'
import type { Plan } from '../core/plan.ts'
import type { RunState } from '../core/state.ts'
import { summary } from '../views/json.ts'
import {
  environmentFlag,
  outputFlags,
  storeFlag,
  unattendedFlags,
  type OutputFlags,
  type StoreFlags,
} from './flags.ts'
import { print } from './print.ts'

export interface WordFlags extends OutputFlags, StoreFlags {
  env?: string
}

export function wordFlags(command: Command): Command {
  environmentFlag(command, "with a runbook's name: which of its environments")
  return storeFlag(outputFlags(unattendedFlags(command), ['text', 'json']))
}

/** Tells people what was recorded and what comes next; as JSON, the run as it stands now. */
export function recorded(flags: WordFlags, plan: Plan, state: RunState, lines: string[]): void {
  if (flags.quiet !== true) process.stderr.write(lines.map((line) => `${line}\n`).join(''))
  if (flags.output === 'json') print(flags, () => '', summary(state, plan))
}
