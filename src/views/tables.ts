/** Lists for people: runbooks, checks, runs, locks, and what `doctor` found. */
import type { Actor } from '../core/events.ts'
import type { RunState } from '../core/state.ts'
import { canGoOn } from '../core/undo.ts'
import { cleanLine } from '../lib/clean.ts'
import { wrap, type Look } from '../lib/terminal.ts'
import { cell, columns, table } from './page.ts'
import { dateTime } from './times.ts'
import { plural, runWord } from './words.ts'

export interface ListedRunbook {
  name: string
  title: string
  version: string
  environments: string[]
  steps: number
  /** Why it cannot be read; the rest is then empty. */
  problem?: string
}

/** `runbook list`. */
export function listText(runbooks: readonly ListedRunbook[], look: Look): string {
  if (runbooks.length === 0) return 'There are no runbooks here. They lie in runbooks/*.yaml.\n'
  const rows = runbooks.map(({ name, title, version, environments, steps, problem }) =>
    problem === undefined
      ? [
          look.colours.bold(cell(name, look)),
          cell(version, look),
          String(steps),
          cell(environments.join(', '), look),
          cell(title, look),
        ]
      : [look.colours.bold(cell(name, look)), '', '', '', look.colours.red(cell(problem, look))],
  )
  return table(['RUNBOOK', 'VERSION', 'STEPS', 'ENVIRONMENTS', 'TITLE'], rows, look)
}

export interface ListedCheck {
  name: string
  title: string
  /** It lies in this project's `checks/`, and not in the shipped library. */
  own: boolean
}

/** `runbook checks`. */
export function checksText(checks: readonly ListedCheck[], look: Look): string {
  if (checks.length === 0) return 'There are no named checks.\n'
  const rows = checks.map(({ name, title, own }) => [
    look.colours.bold(cell(name, look)),
    own ? 'checks/' : 'shipped',
    cell(title, look),
  ])
  const more = look.colours.dim('\nThe page of one: runbook checks <name>\n')
  return table(['CHECK', 'FROM', 'TITLE'], rows, look) + more
}

/** `runbook history`: newest first, as given. */
export function historyText(runs: readonly RunState[], look: Look): string {
  if (runs.length === 0) return 'Nothing has run here.\n'
  const rows = runs.map((state) => [
    cell(state.run, look),
    cell(state.runbook, look) + (state.partial ? ' (part)' : ''),
    cell(state.environment, look),
    runWord(state.status, look),
    dateTime(state.created_at, look),
    cell(`${state.by.user}@${state.by.host}`, look),
  ])
  return table(['RUN', 'RUNBOOK', 'ENVIRONMENT', 'STATUS', 'BEGUN', 'BY'], rows, look)
}

export interface HeldLock {
  name: string
  /** Left out: the lock is free. */
  run?: string
  status?: RunState['status']
  /** The process that drives the run now. */
  holder?: Actor
  /** UTC: since when it drives it. */
  since?: string
  /** Whether that process still lives; undefined when it is on another machine. */
  alive?: boolean
  /** Whether its lease is good: then no other command that would change the run is let in. */
  driven?: boolean
  /** What it does now: the step that runs. */
  doing?: string
}

/** `runbook lock status`. */
export function locksText(locks: readonly HeldLock[], look: Look): string {
  if (locks.length === 0) return 'No lock is held: every runbook can be deployed.\n'
  return locks
    .map((lock) => {
      const lines = [
        ...wrap(look.colours.bold(cell(lock.name, look)), look.columns),
        ...wrap(lockSentence(lock, look), look.columns - 2).map((line) => `  ${line}`),
        ...(lock.run === undefined ? [] : lockCommands(lock, cell(lock.run, look), look)),
      ]
      return `${lines.join('\n')}\n`
    })
    .join('\n')
}

/** What can be done about the run; while it is driven only its own process can end it. */
function lockCommands({ status, driven, holder }: HeldLock, run: string, look: Look): string[] {
  if (driven === true && holder !== undefined) {
    const stop = `kill ${holder.process.pid}`
    return [
      `  runbook status ${run}`,
      ...wrap(
        `to stop it: Ctrl-C where it runs, or on ${cell(holder.host, look)}: ${stop}. It finishes what runs, then pauses`,
        look.columns - 2,
      ).map((line) => `  ${line}`),
    ]
  }
  const goesOn = status === undefined || canGoOn({ status })
  const words = ['status', ...(goesOn ? ['resume'] : []), 'rollback']
  return [
    ...words.map((word) => `  runbook ${word} ${run}`),
    `  runbook abandon ${run} --reason "…"`,
  ]
}

/** Who has the lock, since when, doing what: one line. */
function lockSentence(lock: HeldLock, look: Look): string {
  if (lock.run === undefined) return 'free'
  const status = lock.status === undefined ? '' : `, ${runWord(lock.status, look)}`
  const run = `held by run ${cell(lock.run, look)}${status}`
  if (lock.holder === undefined) return `${run}; no process drives it now`
  const { user, host, process } = lock.holder
  const since = lock.since === undefined ? '' : ` since ${dateTime(lock.since, look)}`
  const dead = lock.alive === false ? ', which is dead' : ''
  const doing = lock.doing === undefined ? '' : `, doing ${cell(lock.doing, look)}`
  const who = cell(`${user}@${host} (process ${process.pid})`, look)
  return `${run}; driven by ${who}${since}${dead}${doing}`
}

export interface Finding {
  what: string
  /** `warning`: something will not work that may not be needed. */
  level: 'good' | 'warning' | 'bad'
  says: string
  /** What to do about it. */
  hint?: string
}

/** `runbook doctor`. */
export function doctorText(findings: readonly Finding[], look: Look): string {
  const { green, yellow, red, dim } = look.colours
  const marks = look.unicode ? { good: '✓', bad: '✗' } : { good: '+', bad: 'x' }
  const mark = { good: green(marks.good), warning: yellow('!'), bad: red(marks.bad) }
  const rows = findings.map(({ what, level, says }) => [
    mark[level],
    cell(what, look),
    cell(says, look),
  ])
  const lines = columns(rows, look).flatMap((line, i) => {
    const hint = findings[i]?.hint
    return hint === undefined ? [line] : [line, dim(`   ${cleanLine(hint, look)}`)]
  })
  const bad = findings.filter((finding) => finding.level === 'bad').length
  const verdict = bad === 0 ? green('ready') : red(`${plural(bad, 'thing')} to repair first`)
  return [...lines, '', verdict].map((line) => `${line}\n`).join('')
}
