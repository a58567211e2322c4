/** What a person must see of a step that failed. */
import type { Asked, Breach } from '../core/events.ts'
import type { Plan } from '../core/plan.ts'
import { failureOfStep, type StepState } from '../core/state.ts'
import { jsonText } from './json.ts'
import type { Page } from './page.ts'
import { tickText } from './watching.ts'
import { askedText, failureWords, reasonWords } from './words.ts'

const LONGEST_VALUE = 300

/** The step, the reason, the expression with the values that it saw, the output and the hints. */
export function failureFields(out: Page, plan: Plan, state: StepState): void {
  const { id } = state
  const failure = failureOfStep(state)
  if (failure === undefined) return
  const step = [...plan.steps, ...plan.finally].find((s) => s.id === id)
  const phase = plan.phases.find((p) => p.id === step?.phase)
  const undoing = state.undo_failure !== undefined
  const where = phase === undefined ? '' : `, phase ${phase.id}`
  const title = step === undefined || step.title === id ? '' : ` (${step.title})`
  out.field(undoing ? 'undo of' : 'step', `${id}${title}${where}`)
  const { asked, message } = failure
  // What a check says of itself follows, with what it expected and saw; it is not said twice.
  const said = asked !== undefined && (message === asked.reason || message === asked.title)
  out.field('failed', said ? reasonWords(failure.reason) : failureWords(failure))
  if (failure.asked !== undefined) askedFields(out, failure.asked, step?.title)
  else if (step !== undefined) out.field('at', step.at)
  if (failure.breach !== undefined) breachFields(out, failure.breach)
  if (failure.tail !== undefined && failure.tail.trim() !== '') out.block('output', failure.tail)
  for (const [i, hint] of (failure.hints ?? []).entries()) out.field(i === 0 ? 'hint' : '', hint)
}

/** What the samples up to the last one were. */
function breachFields(out: Page, { probe, ticks }: Breach): void {
  for (const [i, tick] of ticks.entries())
    out.field(i === 0 ? 'samples' : '', tickText(tick, probe, out.look))
}

function askedFields(out: Page, asked: Asked, own: string | undefined): void {
  // What the action itself was expected to give has the step's title, and is no check.
  if (asked.title !== own) out.field('check', askedText(asked))
  if (asked.expression !== undefined) out.field('expected', asked.expression)
  for (const [i, [name, value]] of Object.entries(asked.values ?? {}).entries())
    out.field(i === 0 ? 'saw' : '', `${name} = ${short(value)}`)
  placeFields(out, asked)
}

/** The line of the runbook, then that of a named check in its own file. */
export function placeFields(out: Page, { at, defined_at }: Asked): void {
  if (at !== undefined) out.field('at', at)
  if (defined_at !== undefined) out.field('', defined_at)
}

function short(value: unknown): string {
  const text = value === undefined ? 'nothing' : jsonText(value)
  return text.length > LONGEST_VALUE ? `${text.slice(0, LONGEST_VALUE)}…` : text
}
