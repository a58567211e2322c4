/** `manual`: work that a person does; their word is the result. */
import { textOf } from '../core/templates.ts'
import type { Outcome, Verb } from './action.ts'

export const manual: Verb<'manual'> = {
  async perform(action, context): Promise<Outcome> {
    const ask = textOf(context.resolve(action.ask))
    // The answer is the act: a question that nobody has answered can be asked again.
    const { yes, by, note } = await context.ask({ role: action.role, ask, confirm: action.confirm })
    await context.gate()
    const fields = { by, at: new Date().toISOString(), note: note ?? '' }
    if (yes) return { fields }
    const said = note === undefined || note === '' ? '' : `: ${note}`
    return { fields, problem: { kind: 'failed', message: `${by} said no${said}` } }
  },
}
