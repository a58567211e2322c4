/** Lines with their time, for no terminal and for NO_COLOR: nothing is ever painted over. */
import type { Event } from '../core/events.ts'
import type { Plan } from '../core/plan.ts'
import type { Phase, Step } from '../core/runbook.ts'
import type { RunState } from '../core/state.ts'
import type { Progress, View } from '../core/view.ts'
import { msLeft } from '../core/waiting.ts'
import { clean, cleanLine } from '../lib/clean.ts'
import type { Outlet } from '../lib/outlet.ts'
import type { Look } from '../lib/terminal.ts'
import { endingText } from './ending.ts'
import { phraseOf } from './phrases.ts'
import { clockTime, dateTime, inTheirTime } from './times.ts'
import { countdown, sayAgainAfter } from './waits.ts'
import { toldNowAndThen, watchTexts } from './watching.ts'
import { plural, sign } from './words.ts'

export interface PlainOptions {
  /** Show the output of steps as it comes (`-v`). */
  verbose?: boolean
  /** For lines that stand for no event. Milliseconds since 1970. */
  now?: () => number
}

/** Prints a line for each start, end, check and undo of a step. */
export function plainView(
  out: Outlet,
  { verbose = false, now = Date.now }: PlainOptions = {},
): View {
  const look = out.look()
  const places = new Map<string, string>()
  const isTold = toldNowAndThen(now)
  const steps = new Map<string, Step>()
  const saidWaiting = new Map<string, number>()
  let plan: Plan | undefined
  let phase: string | undefined

  const say = (at: string | number, text: string) => out.write(timed(at, text, look))

  const sayPhase = (at: string, id: string) => {
    const found = plan?.phases.find((p) => p.id === id)
    if (phase === id || plan === undefined || found === undefined) return
    phase = id
    say(at, look.colours.bold(phaseLine(plan, found, look)))
  }

  const show = (progress: Progress): void => {
    switch (progress.kind) {
      case 'output':
        if (verbose) out.write(outputText(progress.step, progress.text, now(), look))
        return
      case 'note':
        for (const line of clean(inTheirTime(progress.text, look), look).trimEnd().split('\n'))
          say(now(), look.colours.yellow(line))
        return
      case 'place':
        places.set(progress.name, progress.url)
        return say(now(), `${progress.name} is at ${cleanLine(progress.url, look)}`)
      case 'waiting': {
        const left = msLeft(progress.until, now())
        if (now() - (saidWaiting.get(progress.step) ?? -Infinity) < sayAgainAfter(left)) return
        saidWaiting.set(progress.step, now())
        const until = dateTime(progress.until, look)
        return say(now(), `  ${progress.step} waiting until ${until}, ${countdown(left)} left`)
      }
      case 'doing':
        return
      case 'watching':
        if (isTold(progress.step, progress))
          say(now(), `  ${progress.step} ${watchTexts(progress, 0)[0] ?? ''}`)
    }
  }

  return {
    start(newPlan, state, verb) {
      plan = newPlan
      for (const step of [...plan.steps, ...plan.finally]) steps.set(step.id, step)
      say(now(), look.colours.bold(startLine(plan, state, verb, look)))
    },
    event(event, state) {
      const step = 'step' in event ? steps.get(event.step) : undefined
      if (step !== undefined) sayPhase(event.at, step.phase)
      const phrase = phraseOf(event, step, state, look)
      if (phrase !== undefined) say(event.at, `${mark(event, state, look)}${phrase}`)
      if (!verbose) out.write(tailText(event, look))
    },
    progress: show,
    end(state) {
      if (plan !== undefined) out.write(endingText(plan, state, look, places))
    },
  }
}

function timed(at: string | number, text: string, look: Look): string {
  return `${look.colours.dim(clockTime(at, look))} ${text}\n`
}

/** Output of a step, as lines with their time and its name. */
export function outputText(step: string, text: string, at: string | number, look: Look): string {
  const whose = look.colours.dim(`${step} │`)
  const lines = clean(text, look).replace(/\n$/, '').split('\n')
  return lines.map((line) => timed(at, `${whose} ${line}`, look)).join('')
}

function startLine(plan: Plan, state: RunState, verb: string, look: Look): string {
  const parts = [
    `${verb} ${plan.runbook} ${plan.version} in ${state.environment}`,
    `run ${state.run}`,
    `plan ${state.plan_sha256.slice(0, 12)}`,
    plural(plan.steps.length, 'step'),
  ]
  return cleanLine(parts.join(', '), look)
}

function phaseLine(plan: Plan, phase: Phase, look: Look): string {
  const number = plan.phases.indexOf(phase) + 1
  return cleanLine(`phase ${number}/${plan.phases.length}: ${phase.title}`, look)
}

/** Where a step has come to an end, the sign of how. */
function mark(event: Event, state: RunState, look: Look): string {
  if (!('step' in event)) return ''
  const status = state.steps.get(event.step)?.status ?? 'pending'
  return `${sign(status, look)} `
}

/** The output that was not shown while it came, when it is needed. */
function tailText(event: Event, look: Look): string {
  if (event.type !== 'step.failed' && event.type !== 'undo.failed') return ''
  const { tail = '' } = event.failure
  return tail.trim() === '' ? '' : outputText(event.step, tail, event.at, look)
}
