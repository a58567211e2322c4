/** Opens what driving a run needs besides the journal, and closes it again, however it ends. */
import type { Plan } from '../core/plan.ts'
import type { View } from '../core/view.ts'
import { bind, type Opened } from '../engine/bind.ts'
import type { Ended } from '../engine/operate.ts'
import { personThrough, type AskPerson } from '../engine/persons.ts'
import type { Session } from '../engine/session.ts'

export interface Driving {
  vars: Record<string, string>
  /** Throw away the sandbox's data first, once this is done. */
  startOver?: (() => Promise<void>) | undefined
  view: View
}

/** Binds the plan, does the work, and stops the services. Returns the work's exit code. */
export async function driven(
  session: Session,
  plan: Plan,
  { vars, startOver, view }: Driving,
  work: (opened: Opened, ask: AskPerson) => Promise<Ended>,
): Promise<number> {
  const opened = await bind(session, plan, {
    vars,
    startOver,
    drives: true,
    say: (text) => {
      view.progress({ kind: 'note', text })
    },
    place: (name, url) => {
      view.progress({ kind: 'place', name, url })
    },
  })
  try {
    const { exit } = await work(opened, personThrough(plan, view, session.actor.user))
    return exit
  } finally {
    await opened.close()
  }
}
