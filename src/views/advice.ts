/** What a person can do next with a run: exact commands, the most likely one first. */
import { coveredBy, hasLastResort, lastResorts } from '../core/last-resort.ts'
import { finallyToDo, mayRunAgain } from '../core/next.ts'
import { idInRunbook } from '../core/hosts.ts'
import type { Plan, PlanInput } from '../core/plan.ts'
import { shellWord } from '../core/shell-word.ts'
import type { RunState } from '../core/state.ts'
import { startedSteps } from '../core/state.ts'
import { textOf } from '../core/templates.ts'
import { firstDue, heldUpBy } from '../core/waiting.ts'
import { hasLastResortLeft, hasSomethingToUndo, isFinished, lacksOnlyItsEnd } from '../core/undo.ts'
import { width, type Look } from '../lib/terminal.ts'
import { page, type Page } from './page.ts'
import { dateTime } from './times.ts'
import { withoutCredentials } from './words.ts'

export interface Advice {
  command: string
  /** What it does, in a few words. */
  why: string
}

/** The commands that make sense now; the first is the one next command. */
export function advice(plan: Plan, state: RunState): Advice[] {
  const { run } = state
  const end = wayToTheEnd(plan, state)
  const resume = { command: `runbook resume ${run}`, why: end ?? 'goes on where it stopped' }
  switch (state.status) {
    case 'succeeded':
      return rollback(plan, state)
    case 'failed':
      return isFinished(plan, state)
        ? [again(plan, state)]
        : [retry(plan, state), ...rollback(plan, state)]
    case 'in_doubt':
      return inDoubt(state)
    case 'rolled_back':
    case 'abandoned':
      return [again(plan, state)]
    case 'partly_rolled_back':
      return rollback(plan, state, 'undoes the rest')
    case 'rollback_failed':
      return [
        { command: `runbook rollback ${run}`, why: 'once repaired: tries again, then goes on' },
        ...withStatus(state, 'undo_failed').flatMap((id) => resortsFor(plan, state, id)),
        ...withStatus(state, 'undo_failed').map((id) => ({
          command: `runbook resolve ${run} ${id} --done --reason "…"`,
          why: `once you have undone ${id} by hand`,
        })),
      ]
    case 'running':
    case 'paused':
    case 'waiting':
    case 'rolling_back':
      if (state.direction === 'forward' && heldUpBy(plan, state).length > 0)
        return [...held(plan, state), ...rollback(plan, state)]
      return state.direction === 'backward'
        ? [{ ...resume, why: end ?? 'goes on with the rollback' }]
        : [
            end === undefined && withStatus(state, 'failed').length > 0
              ? retry(plan, state)
              : resume,
            ...rollback(plan, state),
          ]
  }
}

/** What `resume` does where nothing but the end of the run is left; undefined: more than that is. */
function wayToTheEnd(plan: Plan, state: RunState): string | undefined {
  if (!lacksOnlyItsEnd(plan, state)) return undefined
  return finallyToDo(plan, state).length > 0
    ? 'does what is left of finally, and ends the run'
    : 'ends the run: nothing else is left to do'
}

/** The same as lines: each command whole, so that it can be copied, and what it does. */
export function adviceLines(out: Page, plan: Plan, state: RunState, look: Look): void {
  const choices = advice(plan, state)
  if (choices.length > 0) out.line()
  for (const [i, { command, why }] of choices.entries())
    if (i > 0) adviceLine(out, otherLabel(state), { command, why }, look)
    else adviceLine(out, firstLabel(state), { command: look.colours.bold(command), why }, look)
  if (choices.length === 0 && state.status === 'succeeded') {
    const last = plan.steps.findLast(
      (step) =>
        step.rollback.kind === 'irreversible' && state.steps.get(step.id)?.status === 'done',
    )
    out.line()
    const none = 'there is nothing to undo'
    out.field('rollback', last === undefined ? none : `none: ${last.id} cannot be undone`)
  }
}

function adviceLine(out: Page, label: string, { command, why }: Advice, look: Look): void {
  const line = `${look.colours.dim(`  ${label.padEnd(11)}`)}${command}`
  // A command that is cut cannot be copied, so what it does goes on a line of its own.
  if (width(line) + width(why) + 3 <= Math.min(look.columns, 110))
    out.line(`${line}   ${look.colours.dim(why)}`)
  else {
    out.line(line)
    out.field('', why)
  }
}

/** What else could be done, below how a run ended: an older run's rollback. `begun`: when that run began. */
export function olderText(run: string, begun: string, look: Look): string {
  const out = page(look)
  const why = `undoes the run before, begun ${dateTime(begun, look)}; what it did is still there`
  adviceLine(out, 'or', { command: `runbook rollback ${run}`, why }, look)
  return out.text()
}

/** While it waits, first the words that are missing, then how it goes on. */
function held(plan: Plan, state: RunState): Advice[] {
  const { run } = state
  const waiting = heldUpBy(plan, state)
  const words = new Map<string, Advice>()
  const names = new Set(waiting.map(({ id }) => nameOf(plan, id)))
  for (const { id, roles = [] } of waiting)
    for (const role of roles) {
      const { act } = plan.steps.find((step) => step.id === id) ?? {}
      const lists = act?.action.verb === 'manual' && act.action.confirm.length > 0
      const all = lists ? ' --confirm-all' : ''
      const name = nameOf(plan, id)
      const which = names.size > 1 ? ` --step ${name}` : ''
      const command = `runbook sign ${run} --role ${shellWord(role)}${which}${all}`
      words.set(command, { command, why: `the word of ${role} for ${name}` })
    }
  const until = firstDue(waiting)
  const why =
    until === undefined
      ? words.size > 0
        ? 'then goes on'
        : 'on a terminal: asks, and goes on'
      : 'once it is due: goes on; --wait stays until then'
  return [...words.values(), { command: `runbook resume ${run}`, why }]
}

/** One word is for a step on all of its hosts. */
function nameOf(plan: Plan, id: string): string {
  const step = plan.steps.find((one) => one.id === id)
  return step === undefined ? id : idInRunbook(step)
}

/** What would act on a terminal, holds a password, or is known only to a run is left to the person. */
function valueWord(input: PlanInput | undefined): string {
  const text = input?.kind === 'value' ? textOf(input.value) : '…'
  const shown = withoutCredentials(text) === text && !ACTS.test(text)
  return shown ? shellWord(text) : '…'
}

const ACTS = /[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}\ufeff]/u

function firstLabel(state: RunState): string {
  if (state.status === 'succeeded') return 'rollback'
  return state.status === 'in_doubt' ? 'answer' : 'next'
}

function otherLabel(state: RunState): string {
  return state.status === 'in_doubt' ? '' : 'or'
}

/** The deploy as it was given; secrets that were given with it are not shown. */
function again(plan: Plan, state: RunState): Advice {
  const { runbook, environment, on_failure } = state
  const commanded = state.rollback?.automatic === false
  const flags = [
    ...(state.vars ?? []).map((name) => ` --var ${name}=${valueWord(plan.inputs[name])}`),
    ...Object.entries(plan.selection ?? {}).map(
      ([name, part]) => ` --${name} ${shellWord([part].flat().join(','))}`,
    ),
    on_failure === undefined ? '' : ` --on-failure ${on_failure}`,
  ]
  return {
    command: `runbook deploy ${runbook} --env ${environment}${flags.join('')}`,
    why: commanded ? 'a new run' : 'once the cause is repaired: a new run',
  }
}

function retry(plan: Plan, state: RunState): Advice {
  const failed = new Set(withStatus(state, 'failed'))
  const once = plan.steps.filter(
    (step) =>
      failed.has(step.id) &&
      !mayRunAgain(step) &&
      state.steps.get(step.id)?.started_seq !== undefined,
  )
  const words = once.map((step) => ` --retry ${step.id}`).join('')
  const which = once.length === 0 ? 'the failed step' : once.map((step) => step.id).join(', ')
  return {
    command: `runbook resume ${state.run}${words}`,
    why: `once the cause is repaired: runs ${which} again and goes on`,
  }
}

/** A rollback never crosses an irreversible step, so with one it can only go back to there. */
function rollback(plan: Plan, state: RunState, why = 'undoes what this run did'): Advice[] {
  if (!hasSomethingToUndo(plan, state) && !hasLastResortLeft(plan, state)) return []
  const command = `runbook rollback ${state.run}`
  const kinds = new Map(plan.steps.map((step) => [step.id, step.rollback.kind]))
  const started = startedSteps(state)
  const wall = started.findLastIndex((step) => kinds.get(step.id) === 'irreversible')
  if (wall < 0) return [{ command, why }]
  const id = started[wall]?.id ?? ''
  const after = started.slice(wall + 1).some((step) => kinds.get(step.id) === 'undo')
  return [
    ...(after
      ? [{ command: `${command} --to ${id}`, why: `undoes what came after ${id}, which cannot be` }]
      : []),
    ...resortsFor(plan, state, id),
  ]
}

/** The last resorts that would undo a step: its own, and those that cover it. */
function resortsFor(plan: Plan, state: RunState, id: string): Advice[] {
  return plan.steps
    .filter((step) => state.steps.get(step.id)?.started_seq !== undefined && hasLastResort(step))
    .filter((step) => step.id === id || coveredBy(step, plan.steps).some((one) => one.id === id))
    .map((step) => {
      const loses = lastResorts(step).map((undo) => (undo.loses ?? '').replace(/\.$/, ''))
      const command = `runbook rollback ${state.run} --last-resort ${step.id}`
      return { command, why: `the last resort; it loses: ${loses.join('; ')}` }
    })
}

function inDoubt(state: RunState): Advice[] {
  return withStatus(state, 'in_doubt').flatMap((id) => {
    const command = (word: string) => `runbook resolve ${state.run} ${id} ${word} --reason "…"`
    const undoing = state.steps.get(id)?.flight?.role === 'undo'
    return [
      {
        command: command('--done'),
        why: undoing ? 'its undo took effect' : 'it took effect; its check must hold next',
      },
      {
        command: command('--not-done'),
        why: undoing ? 'its undo took no effect' : 'it never started, or left nothing behind',
      },
      { command: command('--undo'), why: 'undo it first, and verify that' },
    ]
  })
}

function withStatus(state: RunState, status: string): string[] {
  return [...state.steps.values()].filter((step) => step.status === status).map((step) => step.id)
}
