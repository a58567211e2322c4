/** `-o ndjson`: the journal's own events, one a line. */
import type { View } from '../core/view.ts'
import type { Outlet } from '../lib/outlet.ts'
import { jsonText } from './json.ts'

/** Prints each event on `out` once it is durable; everything else is shown by `beside`. */
export function ndjsonView(out: Outlet, beside: View): View {
  return {
    ...beside,
    event(event, state) {
      out.write(`${jsonText(event)}\n`)
      beside.event(event, state)
    },
  }
}
