/** Prints what a reading command found: as text for people, or as one JSON object. */
import { outlet } from '../lib/outlet.ts'
import type { Look } from '../lib/terminal.ts'
import { jsonText } from '../views/json.ts'
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
