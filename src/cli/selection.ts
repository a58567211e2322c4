/** Flags that choose a part of a runbook, and what a failure leads to. */
import { Option, type Command } from 'commander'
import type { Selection } from '../core/events.ts'
import { list } from './flags.ts'

export interface SelectionFlags {
  only?: string[]
  skip?: string[]
  from?: string
  to?: string
}

export function selectionFlags(command: Command): void {
  command
    .addOption(new Option('--only <steps>', 'only these steps or phases').argParser(list))
    .addOption(
      new Option(
        '--skip <steps>',
        'without these; refused where the environment is protected',
      ).argParser(list),
    )
    .option('--from <step>', 'begin at this step or phase')
    .option('--to <step>', 'end after this step or phase')
}

export function onFailureFlag(command: Command): void {
  command.addOption(
    new Option(
      '--on-failure <word>',
      "what a failing step leads to, in place of the document's word",
    ).choices(['stop', 'undo', 'rollback', 'ask']),
  )
}

/** The selection as data; undefined when all of it is meant. */
export function selectionOf({ only, skip, from, to }: SelectionFlags): Selection | undefined {
  if (only === undefined && skip === undefined && from === undefined && to === undefined)
    return undefined
  return {
    ...(only !== undefined && { only }),
    ...(skip !== undefined && { skip }),
    ...(from !== undefined && { from }),
    ...(to !== undefined && { to }),
  }
}
