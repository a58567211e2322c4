/** How a run ended, in words: what happened, what state things are in, and the one next command. */
import type { Plan } from '../core/plan.ts'
import { failureOfStep, type RunState } from '../core/state.ts'
import { needsOf } from '../engine/input-sources.ts'
import { cleanLine } from '../lib/clean.ts'
import { PLAIN, wrap, type Look } from '../lib/terminal.ts'
import { adviceLines } from './advice.ts'
import { failureFields } from './failure.ts'
import { columns, page, type Page } from './page.ts'
import { identity, stateOfThings, tally, withStatus } from './situation.ts'
import { signatureLines } from './signatures.ts'
import { against, phaseTimes, sumOfKnown } from './times.ts'
import { waitText } from './waits.ts'
import { countsText, inColourOfRun, plural, runWord, withoutCredentials } from './words.ts'

/** Where something can be looked at: names and URLs without secrets. */
export type Places = ReadonlyMap<string, string>

/** The last screen of a run; `places` adds what became known only while it ran. */
export function endingText(
  plan: Plan,
  state: RunState,
  look: Look,
  places: Places = new Map(),
  now: number = Date.now(),
): string {
  const out = page(look)
  out.line()
  const text = cleanLine(headline(plan, state), look)
  for (const line of wrap(text, look.columns))
    out.line(look.colours.bold(inColourOfRun(state.status, line, look)))
  out.line()
  if (state.status === 'succeeded') deployed(out, plan, state, look, places)
  else stopped(out, plan, state, look, now)
  adviceLines(out, plan, state, look)
  return out.text()
}

function headline(plan: Plan, state: RunState): string {
  const what = `${plan.runbook} ${plan.version} in ${state.environment}`
  switch (state.status) {
    case 'succeeded': {
      const part = state.partial ? 'A part of ' : ''
      return `${part}${plan.runbook} ${plan.version} is deployed to ${state.environment}.`
    }
    case 'failed':
      return `${what} failed: ${failedSentence(state)}.`
    case 'rolled_back': {
      const undone = withStatus(state, 'undone').length
      const how = state.rollback?.automatic === true ? 'failed and was' : 'is'
      return undone === 0
        ? `${what} ${how} rolled back: there was nothing to undo.`
        : `${what} ${how} rolled back: ${plural(undone, 'step')} undone, each undo verified.`
    }
    case 'partly_rolled_back':
      return `${what} is rolled back in part.`
    case 'rollback_failed':
      return `The rollback of ${what} failed. Things are half undone.`
    case 'in_doubt':
      return `${what} needs a decision: a step is in doubt.`
    default:
      return `${what} is ${runWord(state.status, PLAIN)}.`
  }
}

function failedSentence(state: RunState): string {
  const ids = [...state.steps.values()].filter((s) => s.status === 'failed').map((s) => s.id)
  if (ids.length === 0) return state.reason ?? 'it stopped'
  return ids.length === 1 ? `step ${ids[0] ?? ''}` : `steps ${ids.join(', ')}`
}

function deployed(out: Page, plan: Plan, state: RunState, look: Look, places: Places): void {
  identity(out, plan, state)
  const urls = [...urlsOf(plan), ...places]
  const longest = Math.max(0, ...urls.map(([name]) => name.length))
  for (const [i, [name, url]] of urls.entries())
    out.field(i === 0 ? 'where' : '', `${name.padEnd(longest)}  ${url}`)
  if (urls.some(([name]) => isServed(plan, name))) {
    const again = `runbook verify ${plan.runbook} --env ${state.environment}`
    out.field('', `up only while a command runs here, such as: ${again}`)
    out.field('', 'what it keeps stays for the next one')
  }
  const times = phaseTimes(plan, state)
  const total = times.reduce((sum, phase) => sum + phase.ms, 0)
  out.field('took', against(total, sumOfKnown(times.map((phase) => phase.estimate_s))))
  const rows = plan.phases.map((phase, i) => {
    const time = times[i]
    const counts = countsText(tally(state, phase.steps), look)
    return [
      cleanLine(phase.title, look),
      time === undefined ? '' : against(time.ms, time.estimate_s),
      counts,
    ]
  })
  for (const line of columns(rows, look, 4)) out.line(line)
}

/** Whether a service of the sandbox serves it: then it ends with the command, and comes back with the next. */
function isServed(plan: Plan, input: string): boolean {
  return needsOf(plan.environment.inputs[input]).services.length > 0
}

/** URLs among the inputs that are no secrets; credentials in them are left out all the same. */
function urlsOf(plan: Plan): Map<string, string> {
  const urls = new Map<string, string>()
  for (const [name, input] of Object.entries(plan.inputs)) {
    if (input.kind !== 'value' || input.type !== 'url' || typeof input.value !== 'string') continue
    if (URL.canParse(input.value)) urls.set(name, withoutCredentials(input.value))
  }
  return urls
}

function stopped(out: Page, plan: Plan, state: RunState, look: Look, now: number): void {
  identity(out, plan, state)
  const waits = state.status === 'waiting' && withStatus(state, 'waiting').length > 0
  if (state.reason !== undefined && !waits) out.field('because', state.reason)
  else if (state.rollback !== undefined) out.field('because', state.rollback.why)
  const failures = [...state.steps.values()].filter((step) => failureOfStep(step) !== undefined)
  const shown = failures.slice(-3)
  if (failures.length > shown.length)
    out.field('failed', `${failures.length} steps; the last ${shown.length} are shown`)
  for (const step of shown) {
    out.line()
    failureFields(out, plan, step)
  }
  for (const step of state.steps.values())
    if (step.status === 'in_doubt' || step.status === 'waiting')
      out.field(
        step.status === 'waiting' ? 'waits for' : 'in doubt',
        `${step.id}: ${waitText(step, look, now)}`,
      )
  for (const text of signatureLines(state, look)) out.field('signed', text)
  out.line()
  stateOfThings(out, plan, state, look)
  if (failures.length > 0 || state.status === 'in_doubt')
    for (const [i, { role, reach }] of plan.contacts.entries())
      out.field(i === 0 ? 'contacts' : '', `${role}: ${reach}`)
}
