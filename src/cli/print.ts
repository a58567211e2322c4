/** Prints what a reading command found: as text for people, or as one JSON object. */
import { outlet } from '../lib/outlet.ts'
import type { Look } from '../lib/terminal.ts'
import { jsonText, nothingToDo, type NothingToDo } from '../views/json.ts'
import type { RunReference } from '../engine/session.ts'
import type { OutputFlags } from './flags.ts'

/** `text` is asked only when text is wanted; as NDJSON the object is on one line. */
export function print(
  { output }: Pick<OutputFlags, 'output'>,
  text: (look: Look) => string,
  data: unknown,
): void {
  const out = outlet(process.stdout)
  out.write(output === 'text' ? text(out.look()) : `${jsonText(data, output === 'json' ? 2 : 0)}\n`)
}

/** Says to people why nothing is done; as JSON there is an object all the same. */
export function printNothing(
  { output }: Pick<OutputFlags, 'output'>,
  why: string,
  data: unknown,
): void {
  process.stderr.write(`${why}\n`)
  if (output === 'json') outlet(process.stdout).write(`${jsonText(data, 2)}\n`)
}

/** The object where there is no such run: with what was asked for. */
export function noRun({ run, environment }: RunReference): NothingToDo {
  return nothingToDo({
    ...(run !== undefined && { runbook: run }),
    ...(environment !== undefined && { environment }),
  })
}
