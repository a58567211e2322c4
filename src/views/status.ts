/** How a run stands, and what happened in it. */
import type { Actor, Event } from '../core/events.ts'
import type { Plan } from '../core/plan.ts'
import { failureOfStep, type RunState } from '../core/state.ts'
import { clean, cleanLine } from '../lib/clean.ts'
import { PLAIN, type Look } from '../lib/terminal.ts'
import { advice, adviceLines } from './advice.ts'
import { failureFields } from './failure.ts'
import { columns, page, type Page } from './page.ts'
import { phraseOf } from './phrases.ts'
import { identity, stateOfThings, tally } from './situation.ts'
import { signatureLines } from './signatures.ts'
import { against, dateTime, phaseTimes } from './times.ts'
import { waitText } from './waits.ts'
import { watchedText } from './watching.ts'
import { countsText, inColourOfRun, plural, runWord, sign } from './words.ts'

/** Who drives the run now. */
export interface Driver {
  holder: Actor
  /** UTC. */
  since: string
  /** Undefined when it is on another machine. */
  alive?: boolean
}

/** What else a person should know of who looks at one run. */
export interface Others {
  /** The newest run, where this one is not. */
  newest?: string
  /** The other runs that are not over. `inTheWay`: it has the lock that this one's commands would need. */
  unfinished: { plan: Plan; state: RunState; driven: boolean; inTheWay: boolean }[]
  /** Runs that hold a lock and whose record cannot be read. */
  damaged: string[]
}

interface Beside {
  driver?: Driver | undefined
  others?: Others
}

/** `runbook status`. */
export function statusText(
  plan: Plan,
  state: RunState,
  look: Look,
  { driver, others = { unfinished: [], damaged: [] } }: Beside = {},
  now: number = Date.now(),
): string {
  const out = page(look)
  const { bold } = look.colours
  const name = cleanLine(`${plan.runbook} ${plan.version} in ${state.environment}`, look)
  const word = inColourOfRun(state.status, runWord(state.status, look), look)
  out.line(`${bold(name)}: ${word}`)
  out.line()
  identity(out, plan, state)
  out.field('begun', `${dateTime(state.created_at, look)} by ${state.by.user}@${state.by.host}`)
  out.field('last event', dateTime(state.updated_at, look))
  out.field('driven by', driverText(driver, look))
  if (state.builds_on !== undefined) out.field('builds on', `run ${state.builds_on}`)
  if (state.reason !== undefined) out.field('because', state.reason)
  if (state.exit_code !== undefined) out.field('exit code', String(state.exit_code))
  out.line()
  const times = phaseTimes(plan, state)
  const rows = plan.phases.map((phase, i) => {
    const counts = tally(state, phase.steps)
    const pending = counts.pending === undefined ? '' : `${counts.pending} pending`
    const parts = [countsText(counts, look), pending].filter((part) => part !== '')
    const ms = times[i]?.ms ?? 0
    const took = ms > 0 ? against(ms, times[i]?.estimate_s) : ''
    return [cleanLine(phase.title, look), took, parts.join(', ')]
  })
  for (const line of columns(rows, look, 2)) out.line(line)
  out.line()
  for (const step of state.steps.values()) {
    if (failureOfStep(step) !== undefined && step.status !== 'done') failureFields(out, plan, step)
    else if (step.status === 'running' || step.status === 'in_doubt' || step.status === 'waiting')
      out.field(
        step.status.replace('_', ' '),
        `${step.id}${step.reason === undefined ? '' : `: ${waitText(step, look, now)}`}`,
      )
    if (step.status !== 'running') continue
    for (const watched of Object.values(step.soaks)) out.field('watched', watchedText(watched))
  }
  for (const text of signatureLines(state, look)) out.field('signed', text)
  stateOfThings(out, plan, state, look)
  // Whoever drives it now holds it, or another run its lock: no other command would be let in.
  const held = (driver !== undefined && driver.alive !== false) || isHeldUp(others)
  if (!held) adviceLines(out, plan, state, look)
  otherFields(out, others)
  return out.text()
}

function isHeldUp({ unfinished }: Others): boolean {
  return unfinished.some(({ inTheWay }) => inTheWay)
}

/** Each with its one next command: a run that needs somebody is not hidden by one that ran after it. */
function otherFields(out: Page, { newest, unfinished, damaged }: Others): void {
  if (newest !== undefined || unfinished.length > 0 || damaged.length > 0) out.line()
  // Whole, so that it can be copied.
  const command = (text: string) => out.line(`${' '.repeat(13)}${text}`)
  for (const { plan, state, driven, inTheWay } of unfinished) {
    const { run, runbook, environment, status } = state
    const lock = inTheWay ? ', and has the lock' : ''
    out.field(
      'unfinished',
      `run ${run}: ${runbook} in ${environment}, ${runWord(status, PLAIN)}${lock}`,
    )
    const [next] = driven ? [] : advice(plan, state)
    command(next?.command ?? `runbook status ${run}`)
  }
  for (const run of damaged) out.field('unfinished', `run ${run}, whose record is damaged`)
  if (newest === undefined) return
  out.field('newest', `run ${newest}, which is over`)
  command(`runbook status ${newest}`)
}

function driverText(driver: Driver | undefined, look: Look): string {
  if (driver === undefined) return 'nobody'
  const { user, host, process } = driver.holder
  const dead = driver.alive === false ? ', which is dead' : ''
  return `${user}@${host} (process ${process.pid}) since ${dateTime(driver.since, look)}${dead}`
}

/** `runbook logs`: every event that people need, in order; of one step with its output. */
export function logsText(events: readonly Event[], plan: Plan, look: Look, step?: string): string {
  const steps = new Map([...plan.steps, ...plan.finally].map((s) => [s.id, s]))
  const { dim } = look.colours
  const bar = dim(look.unicode ? '│' : '|')
  const lines: string[] = []
  let printed = ''
  for (const event of events) {
    const id = 'step' in event ? event.step : undefined
    if (step !== undefined && id !== step && !id?.startsWith(`${step}@`)) continue
    const phrase = phraseOf(event, id === undefined ? undefined : steps.get(id), undefined, look)
    const output = outputOf(event, step !== undefined)
    if (phrase !== undefined)
      lines.push(`${dim(dateTime(event.at, look))} ${mark(event, look)}${phrase}`)
    // The tail of a failure is the end of what its action printed.
    if (output === undefined || printed.includes(output.trim())) continue
    printed = output
    for (const line of clean(output, look).trimEnd().split('\n')) lines.push(`  ${bar} ${line}`)
  }
  if (lines.length === 0)
    return `${step === undefined ? 'The journal is empty' : `Nothing happened to step ${step} in this run`}.\n`
  return lines.map((line) => `${line}\n`).join('')
}

function mark(event: Event, look: Look): string {
  switch (event.type) {
    case 'step.done':
      return `${sign('done', look)} `
    case 'step.failed':
      return `${sign('failed', look)} `
    case 'undo.done':
      return `${sign('undone', look)} `
    case 'undo.failed':
      return `${sign('undo_failed', look)} `
    case 'step.in_doubt':
    case 'undo.in_doubt':
      return `${sign('in_doubt', look)} `
    default:
      return '  '
  }
}

/** What an action printed, when one step was asked for; else only what a failure shows. */
function outputOf(event: Event, all: boolean): string | undefined {
  if (event.type === 'step.failed' || event.type === 'undo.failed')
    return event.failure.tail || undefined
  if (!all || (event.type !== 'step.acted' && event.type !== 'undo.acted')) return undefined
  const { output } = event.result
  if (typeof output === 'string' && output !== '') return output
  const rest = Object.keys(event.result).length
  return rest > 0 ? resultText(event.result) : undefined
}

function resultText(result: Record<string, unknown>): string {
  const shown = Object.entries(result).map(([name, value]) => {
    const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? 'nothing')
    return `${name}: ${text.length > 2000 ? `${text.slice(0, 2000)}… (${plural(text.length, 'character')})` : text}`
  })
  return shown.join('\n')
}
