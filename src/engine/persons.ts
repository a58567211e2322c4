/** Where a person's answer comes from: a terminal, the environment's `manual: assume`, or nowhere. */
import type { PersonsAnswer, Question } from '../actions/action.ts'
import { EXIT, failure } from '../core/errors.ts'
import type { Plan } from '../core/plan.ts'
import type { Step } from '../core/runbook.ts'
import { answered } from '../core/signing.ts'
import type { View } from '../core/view.ts'
import type { Runtime } from './runtime.ts'

export type AskPerson = (question: Question) => Promise<PersonsAnswer>

/** Whether anybody can answer here. */
export function someoneAnswers(plan: Plan, view: View): boolean {
  return plan.environment.manual === 'assume' || view.choose !== undefined
}

/** Asks through the view; `by` is who sits at it. Throws exit 8 where nobody can answer. */
export function personThrough(plan: Plan, view: View, by: string): AskPerson {
  return async ({ role, ask, confirm }) => {
    if (plan.environment.manual === 'assume') {
      return {
        yes: true,
        by: 'nobody',
        note: `assumed: the environment ${plan.environment.name} answers for ${role}`,
      }
    }
    if (view.choose === undefined)
      throw failure(EXIT.waiting, `${role} must answer: ${ask}`, {
        hint: 'resume the run on a terminal',
      })
    const items = confirm.map((item) => `\n  - ${item}`).join('')
    const answer = await view.choose(`${role}: ${ask}${items}`, [
      { value: 'yes', label: confirm.length > 0 ? 'Done, and every item is confirmed' : 'Done' },
      { value: 'no', label: 'No: this step has failed' },
    ])
    return { yes: answer === 'yes', by }
  }
}

/** A manual step whose role has signed is not asked again. */
export function signedOr(rt: Runtime, step: Step): AskPerson {
  return async (question) => {
    const { state } = rt.journal
    const word = answered(step, state.steps.get(step.id), state.plan_sha256)
    if (word === undefined) return rt.ask(question)
    const { by, note } = word
    return { yes: true, by: by.user, ...(note !== undefined && { note }) }
  }
}

/** For commands in which no person is asked. Throws exit 8. */
export const nobody: AskPerson = ({ role, ask }) =>
  Promise.reject(
    failure(EXIT.waiting, `${role} must answer: ${ask}`, {
      hint: 'a person is asked only while a run is driven',
    }),
  )
