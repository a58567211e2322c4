/** Prints what a reading command found: as text for people, or as one JSON object. */
import { outlet } from '../lib/outlet.ts'
import type { Look } from '../lib/terminal.ts'
import { jsonText } from '../views/json.ts'
import type { OutputFlags } from './flags.ts'

/** `text` is asked only when text is wanted. */
export function print(
  { output }: Pick<OutputFlags, 'output'>,
  text: (look: Look) => string,
  data: unknown,
): void {
  const out = outlet(process.stdout)
  out.write(output === 'json' ? `${jsonText(data, 2)}\n` : text(out.look()))
}
