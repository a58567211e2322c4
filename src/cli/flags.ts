/** Flags that several commands share, said once, and their values as data. */
import { InvalidArgumentError, Option, type Command } from 'commander'
import { parseDuration } from '../core/durations.ts'
import type { OnFailure } from '../core/runbook.ts'

export interface OutputFlags {
  output: 'text' | 'json' | 'ndjson'
  quiet?: boolean
  verbose?: boolean
}

export interface StoreFlags {
  store?: string
}

export interface RunFlags extends OutputFlags, StoreFlags {
  env?: string
  var: Record<string, string>
  confirm?: string
  input: boolean
  onFailure?: OnFailure
  lockTimeout: number
  fresh?: boolean
  wait?: boolean
}

export function outputFlags(
  command: Command,
  forms: string[] = ['text', 'json', 'ndjson'],
): Command {
  return command
    .addOption(
      new Option('-o, --output <form>', 'how the result is printed').choices(forms).default('text'),
    )
    .option('-q, --quiet', 'only the result and errors')
    .option('-v, --verbose', 'also the output of every step')
}

export function storeFlag(command: Command): Command {
  return command.addOption(new Option('--store <url>', 'where the journal is').env('RUNBOOK_STORE'))
}

export function environmentFlag(command: Command, text = 'the environment'): Command {
  return command.option('-e, --env <environment>', text)
}

export function variableFlag(command: Command): Command {
  return command.addOption(
    new Option('--var <name=value>', 'an input; may be repeated')
      .argParser(variable)
      .default({}, 'none'),
  )
}

/** What every command about a run takes, so that a script can give it to each of them alike. */
export function unattendedFlags(command: Command): Command {
  return command
    .option(
      '-y, --yes',
      'confirm prompts; never an approval, never the name of a protected environment',
    )
    .option('--no-input', 'never ask; a missing answer ends with 2 before anything is touched')
}

/** What deploy, resume and rollback share: the person's words, given beforehand. */
export function driveFlags(command: Command): Command {
  return unattendedFlags(command).option(
    '--confirm <environment>',
    "a protected environment's name, typed beforehand",
  )
}

export function waitFlag(command: Command): Command {
  return command.option('--wait', 'stay while a timer runs, and go on by itself when it is due')
}

export function lockFlag(command: Command): Command {
  return command.addOption(
    new Option('--lock-timeout <duration>', 'wait so long for another run to end')
      .argParser(duration)
      .default(0, 'not at all'),
  )
}

function variable(text: string, all: unknown): Record<string, string> {
  const at = text.indexOf('=')
  if (at < 1) throw new InvalidArgumentError('write name=value')
  return { ...(all as Record<string, string>), [text.slice(0, at)]: text.slice(at + 1) }
}

function duration(text: string): number {
  const ms = parseDuration(text)
  if (ms === undefined) throw new InvalidArgumentError('write a duration such as 30s or 5m')
  return ms
}

/** `a,b` and repeated options, as one list. */
export function list(text: string, all: string[] | undefined): string[] {
  return [...(all ?? []), ...text.split(',').filter((s) => s !== '')]
}

/** Adds examples below the options. */
export function examples(command: Command, ...lines: string[]): Command {
  return command.addHelpText(
    'after',
    `\nExamples:\n${lines.map((line) => `  $ ${line}`).join('\n')}`,
  )
}
