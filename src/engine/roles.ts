/** What an action of a step is lent, whatever its role. */
import { type Scope } from '../core/expressions.ts'
import type { Step } from '../core/runbook.ts'
import { type Asking } from './ask.ts'
import { type Role } from './attempt.ts'
import { scopeOf, type Runtime } from './runtime.ts'

export function stepScope(rt: Runtime, step: Step): Scope {
  return scopeOf(rt, {
    run: rt.run,
    status: rt.ending ?? rt.journal.state.status,
    outputs: rt.outputs,
    host: step.on?.host,
  })
}

const MOST_HELD = 64 * 2 ** 10

/** Whole lines of the end: of a line that is cut, half a secret might be left. */
function lastOf(text: string): string {
  const from = text.length - MOST_HELD
  return from <= 0 ? text : text.slice(text.indexOf('\n', from) + 1)
}

/** What an action of this step gets in any role. */
export function role(
  rt: Runtime,
  step: Step,
  attempt: number,
  folder: string,
): Omit<Role, 'kind' | 'gate'> {
  const hidden = rt.masker.stream()
  // What a step prints that makes a secret is kept back until the secret is known.
  const late = Object.values(step.outputs).some(({ secret }) => secret)
  let held = ''
  const show = (text: string) => {
    if (text !== '') rt.view.progress({ kind: 'output', step: step.id, text })
  }
  return {
    step,
    attempt,
    folder,
    run: rt.run,
    epoch: rt.journal.epoch,
    scope: stepScope(rt, step),
    interrupt: rt.stop.interrupt,
    ask: rt.ask,
    output: (text) => {
      if (late) held = lastOf(held + text)
      else show(hidden.write(text))
    },
    outputEnds: () => {
      show(hidden.write(held) + hidden.end())
      held = ''
    },
  }
}

export function asking(
  rt: Runtime,
  step: Step,
  attempt: number,
  folder: string,
  patient: boolean,
): Asking {
  return { ...role(rt, step, attempt, folder), patient }
}
