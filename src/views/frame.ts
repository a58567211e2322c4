/** The live tree as lines: never more than the terminal has rows, never wider than its columns. */
import { formatDuration } from '../core/durations.ts'
import type { StepStatus } from '../core/state.ts'
import { clean, cleanLine } from '../lib/clean.ts'
import { cut, spread, width, type Look } from '../lib/terminal.ts'
import type { Model, PhaseRow, StepRow } from './model.ts'
import { barLine } from './bar.ts'
import { against, inTheirTime, sofar } from './times.ts'
import { countdown } from './waits.ts'
import { watchTexts } from './watching.ts'
import { countsText, inColourOf, plural, sign, statusWord } from './words.ts'

export interface FrameSize {
  rows: number
  columns: number
  /** Milliseconds since 1970. */
  now: number
}

/** Beyond this the eye loses the line between the left and the right part. */
export const WIDEST = 110
const SPINNER = { rich: '⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏', ascii: '|/-\\' }
const SPIN_MS = 100

/**
 * One picture of the run. The last row is left free for the cursor. What gets room first: the step at
 * work, the bar, a note, the head, the phases around, the output.
 */
export function frame(model: Model, size: FrameSize, look: Look): string[] {
  const columns = Math.max(1, Math.min(size.columns - 1, WIDEST))
  const drawn = { ...size, columns }
  let left = Math.max(1, size.rows - 1)
  const take = (wanted: number, from: number) => {
    const given = left > from ? Math.min(wanted, left - from) : 0
    left -= given
    return given
  }
  const bar = take(1, 1)
  const notes = take(Math.min(2, model.notes.length), 3)
  const head = take(1, 4)
  const gaps = left >= 13 ? take(2, 0) : 0
  const output = take(outputHeight(model, left), 6)
  const tree = treeLines(model, left, drawn, look)
  return [
    ...(head > 0 ? [headLine(model, columns, look)] : []),
    ...(gaps > 0 ? [''] : []),
    ...tree,
    ...outputLines(model, output, columns, look),
    ...(gaps > 1 ? [''] : []),
    ...model.notes.slice(model.notes.length - notes).map((note) => noteLine(note, columns, look)),
    ...(bar > 0 ? [barLine(model, drawn, look)] : []),
  ]
}

/** A quarter of what is there, and one line above it that keeps it apart from the tree. */
function outputHeight(model: Model, left: number): number {
  if (model.outputRoom === 0) return 0
  return Math.min(model.outputRoom, Math.floor(left / 4)) + 1
}

function headLine(model: Model, columns: number, look: Look): string {
  const { bold, dim } = look.colours
  const arrow = look.unicode ? '→' : '->'
  const verb = model.toUndo === undefined ? model.verb : 'rollback'
  const what = `${verb} ${model.runbook} ${model.version} ${arrow} ${model.environment}`
  const which = `run ${model.run}  plan ${model.plan_sha256.slice(0, 12)}`
  return spread(` ${bold(cleanLine(what, look))}`, dim(cleanLine(which, look)), columns)
}

function noteLine(note: string, columns: number, look: Look): string {
  return cut(` ${look.colours.yellow(`! ${cleanLine(inTheirTime(note, look), look)}`)}`, columns)
}

/** The phases, and the steps of the one at work; of both only a window when there is too little room. */
function treeLines(model: Model, room: number, size: FrameSize, look: Look): string[] {
  const focus = anchor(model)
  const open = focus?.phase
  const count = open?.steps.length ?? 0
  const fewest = Math.min(count, Math.max(1, Math.ceil(room / 2) - 1))
  const phaseRoom = Math.min(model.phases.length, room - fewest)
  const before = model.toUndo === undefined ? 1 / 3 : 2 / 3
  const lines: string[] = []
  for (const slot of slots(model.phases.length, phaseRoom, open?.index ?? 0, before)) {
    if (slot.row === undefined) lines.push(moreLine(slot, '', 'phase', size.columns, look))
    const phase = slot.row === undefined ? undefined : model.phases[slot.row]
    if (phase === undefined) continue
    lines.push(phaseLine(phase, phase === open, size, look))
    if (phase === open && focus !== undefined)
      lines.push(...stepLines(phase, room - phaseRoom, focus, before, size, look))
  }
  // No room for a phase at all: the step is what matters.
  if (phaseRoom === 0 && focus !== undefined) lines.push(stepLine(focus, size, look))
  return lines
}

function stepLines(
  phase: PhaseRow,
  room: number,
  focus: StepRow,
  before: number,
  size: FrameSize,
  look: Look,
): string[] {
  return slots(phase.steps.length, room, focus.index, before).map((slot) => {
    const row = slot.row === undefined ? undefined : phase.steps[slot.row]
    if (row === undefined) return moreLine(slot, '  ', 'step', size.columns, look)
    return stepLine(row, size, look)
  })
}

/** The topmost row at work, so that rows side by side do not make the window jump. */
function anchor(model: Model): StepRow | undefined {
  let first: StepRow | undefined
  for (const row of model.active) if (first === undefined || row.index < first.index) first = row
  return first ?? model.focus
}

interface Slot {
  /** Left out: a line that counts the rows not shown. */
  row?: number
  above?: number
  below?: number
}

/** Which rows of `total` fit into `room` lines with `at` among them, and how many do not. */
export function slots(total: number, room: number, at: number, before: number): Slot[] {
  if (room <= 0 || total === 0) return []
  const rows = (from: number, to: number): Slot[] =>
    Array.from({ length: to - from }, (_, i) => ({ row: from + i }))
  if (total <= room) return rows(0, total)
  if (room < 3) {
    const from = Math.min(at, total - room)
    return rows(from, from + room)
  }
  const shown = room - 2
  let from = Math.max(0, at - Math.floor(shown * before))
  let to = from + shown
  // Where nothing, or a single row, is left out on one side, its line is better used for a row.
  if (from <= 1) [from, to] = [0, room - 1]
  else if (to >= total - 1) [from, to] = [total - room + 1, total]
  return [
    ...(from > 0 ? [{ above: from }] : []),
    ...rows(from, to),
    ...(to < total ? [{ below: total - to }] : []),
  ]
}

function moreLine(slot: Slot, indent: string, what: string, columns: number, look: Look): string {
  const dots = look.unicode ? '…' : '...'
  const [n, side] = slot.above === undefined ? [slot.below ?? 0, 'below'] : [slot.above, 'above']
  return cut(
    `${indent}   ${look.colours.dim(`${dots} ${plural(n, `more ${what}`)} ${side}`)}`,
    columns,
  )
}

/** A phase on one line: while it is at work its time so far, afterwards its counts too. */
export function phaseLine(
  phase: PhaseRow,
  open: boolean,
  size: Omit<FrameSize, 'rows'>,
  look: Look,
): string {
  const { bold, dim } = look.colours
  const status = phaseStatus(phase)
  const title = cleanLine(phase.title, look)
  const ms = phase.ms + (phase.since === undefined ? 0 : size.now - phase.since)
  const begun = status !== 'pending'
  const took = phase.since === undefined ? against : sofar
  const parts = [
    begun ? (open ? '' : countsText(phase.counts, look)) : dim(plural(phase.steps.length, 'step')),
    begun ? (ms > 0 ? took(ms, phase.estimate_s) : '') : estimate(phase.estimate_s, look),
  ]
  const right = parts.filter((part) => part !== '').join('  ')
  return spread(` ${sign(status, look)} ${open ? bold(title) : title}`, right, size.columns)
}

function stepLine(row: StepRow, size: FrameSize, look: Look): string {
  const { dim } = look.colours
  const atWork = row.since !== undefined
  const mark = atWork ? look.colours.cyan(spinner(size.now, look)) : sign(row.status, look)
  const title = cleanLine(row.title, look)
  const left = `   ${mark} ${row.status === 'pending' && !atWork ? dim(title) : title}`
  const right = atWork ? workRight(row, left, size, look) : restRight(row, size.now, look)
  // The id is what commands want, but half an id is of no use.
  const fits = width(left) + width(row.id) + width(right) + 4 <= size.columns
  const id = row.title !== row.id && fits ? `  ${dim(row.id)}` : ''
  return spread(left + id, right, size.columns)
}

/** What it does now and for how long; with little room first the estimate goes, then the rest. */
function workRight(row: StepRow, left: string, size: FrameSize, look: Look): string {
  const ms = size.now - (row.since ?? size.now)
  const doing = row.doing === undefined ? '' : `${cut(cleanLine(row.doing, look), 40)}  `
  const what = look.colours.cyan(doing)
  const choices = [what + sofar(ms, row.estimate_s), what + sofar(ms, undefined)]
  if (row.watching !== undefined) {
    const texts = watchTexts(row.watching, size.now - row.watching.at)
    choices.unshift(...texts.map((text) => look.colours.cyan(cleanLine(text, look))))
  }
  const room = size.columns - Math.min(width(left), 24) - 2
  return choices.find((choice) => width(choice) <= room) ?? sofar(ms, undefined)
}

function restRight(row: StepRow, now: number, look: Look): string {
  if (row.until !== undefined) {
    const text = `waiting, ${countdown(Math.max(0, row.until - now))} left`
    return inColourOf('waiting', text, look)
  }
  if (row.status === 'pending') return estimate(row.estimate_s, look)
  if (row.status === 'done') return against(row.duration_ms ?? 0, row.estimate_s)
  const why = row.reason === undefined ? '' : `: ${cleanLine(row.reason, look)}`
  return inColourOf(row.status, cut(`${statusWord(row.status)}${why}`, 48), look)
}

function estimate(estimate_s: number | undefined, look: Look): string {
  return estimate_s === undefined ? '' : look.colours.dim(`~${formatDuration(estimate_s * 1000)}`)
}

function spinner(now: number, look: Look): string {
  const signs = look.unicode ? SPINNER.rich : SPINNER.ascii
  return signs[Math.floor(now / SPIN_MS) % signs.length] ?? ''
}

/** What can be said of a whole phase: the worst of its steps, else how far it is. */
function phaseStatus({ counts, active, steps }: PhaseRow): StepStatus {
  const has = (status: StepStatus) => (counts[status] ?? 0) > 0
  for (const status of ['undo_failed', 'failed', 'in_doubt'] as const)
    if (has(status)) return status
  if (active > 0 || has('running')) return 'running'
  if (has('waiting')) return 'waiting'
  if (has('undone')) return 'undone'
  if (counts.pending === steps.length) return 'pending'
  if (has('pending')) return 'running'
  if (has('done')) return 'done'
  return has('satisfied') ? 'satisfied' : 'skipped'
}

function outputLines(model: Model, height: number, columns: number, look: Look): string[] {
  if (height === 0) return []
  const { dim } = look.colours
  const shown = height - 1
  const text = clean(model.output?.lines.join('\n') ?? '', look)
  const lines = text === '' ? [] : text.split('\n').slice(-shown)
  // Beside other steps at work it must be said whose output this is.
  const whose = model.active.size > 1 && model.output !== undefined ? model.output.row.id : ''
  const bar = look.unicode ? '│' : '|'
  const body = shown === 0 ? [] : lines.map((line) => cut(`   ${dim(bar)} ${line}`, columns))
  const blank = Array.from({ length: shown - body.length }, () => '')
  return [cut(dim(whose === '' ? '' : `   ${whose}`), columns), ...body, ...blank]
}
