/** `-q`: says only what a person must read, and how it ended when that is not well. */
import type { Plan } from '../core/plan.ts'
import type { View } from '../core/view.ts'
import { clean } from '../lib/clean.ts'
import type { Outlet } from '../lib/outlet.ts'
import type { Look } from '../lib/terminal.ts'
import { endingText } from './ending.ts'
import { inTheirTime } from './times.ts'
import { runWord } from './words.ts'

/** Notes, and the ending of a run that did not succeed, on `out`. */
export function quietView(out: Outlet): View {
  let plan: Plan | undefined
  return {
    start(newPlan) {
      plan = newPlan
    },
    event() {},
    progress(progress) {
      if (progress.kind === 'note') out.write(noteText(progress.text, out.look()))
    },
    end(state) {
      if (plan === undefined) return
      const well = state.status === 'succeeded' || state.status === 'rolled_back'
      out.write(
        well
          ? `${state.run} ${runWord(state.status, out.look())}\n`
          : endingText(plan, state, out.look()),
      )
    },
  }
}

/** A note where no tree is; a problem with a file has lines of its own. */
export function noteText(text: string, look: Look): string {
  const lines = clean(inTheirTime(text, look), look).trimEnd().split('\n')
  return lines.map((line) => `${look.colours.yellow(line)}\n`).join('')
}
