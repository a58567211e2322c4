/** What the live tree knows: kept up to date event by event, at a cost that no number of steps changes. */
import { isRunbookError } from '../core/errors.ts'
import type { Event, RunStatus } from '../core/events.ts'
import type { Plan } from '../core/plan.ts'
import { failureOfStep, type RunState, type StepStatus } from '../core/state.ts'
import { requestOf, stepsToUndo } from '../core/undo.ts'
import type { Progress, Watching } from '../core/view.ts'
import { lastLines } from '../lib/clean.ts'
import { phaseTimes, sumOfKnown, timeAtWork } from './times.ts'

type Counts = Partial<Record<StepStatus, number>>

export interface StepRow {
  id: string
  title: string
  phase: PhaseRow
  /** Its place among the steps of its phase. */
  index: number
  status: StepStatus
  estimate_s: number | undefined
  duration_ms: number | undefined
  reason: string | undefined
  /** Since when it is at work, in milliseconds; undefined when it is not. */
  since: number | undefined
  /** An earlier process left it at work: since when, in milliseconds. */
  left_at: number | undefined
  /** While this process stays for its timer: when it is due, in milliseconds since 1970. */
  until: number | undefined
  /** `verifying`: what it does now. */
  doing: string | undefined
  /** The soak that it watches now, and when its last sample came, in milliseconds. */
  watching: (Watching & { at: number }) | undefined
}

export interface PhaseRow {
  title: string
  index: number
  steps: StepRow[]
  counts: Counts
  estimate_s: number | undefined
  /** Time at work before `since`. */
  ms: number
  /** Since when at least one of its steps is at work. */
  since: number | undefined
  active: number
}

export interface Model {
  runbook: string
  version: string
  environment: string
  run: string
  plan_sha256: string
  verb: string
  status: RunStatus
  phases: PhaseRow[]
  steps: Map<string, StepRow>
  counts: Counts
  estimate_s: number | undefined
  /** Of a run that goes backwards: how many steps were to be undone when it turned round. */
  toUndo: number | undefined
  /** Rows at work, and the one that was at work last: there the window stands. */
  active: Set<StepRow>
  focus: StepRow | undefined
  output: Output | undefined
  /** The most lines of output that were ever kept: their room stays, so that nothing jumps. */
  outputRoom: number
  notes: string[]
  /** When this process began, and the time that earlier ones were at work. */
  begun: number
  before_ms: number
}

interface Output {
  row: StepRow
  lines: string[]
  /** The last line did not end yet. */
  open: boolean
}

const OUTPUT_LINES = 6
const NOTES = 20

/** The model at the start of a process; `state` holds what earlier ones did. */
export function modelOf(plan: Plan, state: RunState, verb: string, now: number): Model {
  const steps = new Map<string, StepRow>()
  const byId = new Map([...plan.steps, ...plan.finally].map((step) => [step.id, step]))
  const last = { id: 'finally', title: 'Finally', steps: plan.finally.map((step) => step.id) }
  const times = new Map(phaseTimes(plan, state).map((time) => [time.id, time]))
  const sections = plan.finally.length > 0 ? [...plan.phases, last] : plan.phases
  const phases = sections.map(({ id, title, steps: ids }, index): PhaseRow => {
    const ms = times.get(id)?.ms ?? timeAtWork(ids.flatMap((s) => state.steps.get(s) ?? []))
    const common = { counts: {}, ms, since: undefined, active: 0 }
    const phase = { title, index, estimate_s: times.get(id)?.estimate_s, ...common, steps: [] }
    return fill(phase, ids, byId, state, steps)
  })
  const counts: Counts = {}
  for (const phase of phases)
    for (const [status, n] of Object.entries(phase.counts) as [StepStatus, number][])
      counts[status] = (counts[status] ?? 0) + n
  const model: Model = {
    runbook: plan.runbook,
    version: plan.version,
    environment: state.environment,
    run: state.run,
    plan_sha256: state.plan_sha256,
    verb,
    status: state.status,
    phases,
    steps,
    counts,
    estimate_s: sumOfKnown(phases.map((phase) => phase.estimate_s)),
    toUndo: undefined,
    active: new Set(),
    focus: undefined,
    output: undefined,
    outputRoom: 0,
    notes: [],
    begun: now,
    before_ms: phases.reduce((sum, phase) => sum + phase.ms, 0),
  }
  if (state.direction === 'backward') turnRound(model, plan, state)
  return model
}

type KnownSteps = ReadonlyMap<string, { title: string; estimate_s?: number }>

function fill(
  phase: PhaseRow,
  ids: readonly string[],
  known: KnownSteps,
  state: RunState,
  rows: Map<string, StepRow>,
): PhaseRow {
  for (const id of ids) {
    const was = state.steps.get(id)
    const status = was?.status ?? 'pending'
    const row: StepRow = {
      id,
      title: known.get(id)?.title ?? id,
      phase,
      index: phase.steps.length,
      status,
      estimate_s: known.get(id)?.estimate_s,
      duration_ms: was?.duration_ms,
      reason: was?.reason,
      since: undefined,
      left_at: was?.flight === undefined ? undefined : Date.parse(was.began_at ?? '') || undefined,
      until: undefined,
      doing: undefined,
      watching: undefined,
    }
    phase.counts[status] = (phase.counts[status] ?? 0) + 1
    phase.steps.push(row)
    rows.set(id, row)
  }
  return phase
}

/** Takes in an event; `state` already contains it. */
export function takeEvent(model: Model, event: Event, state: RunState, plan: Plan): void {
  model.status = state.status
  if (event.type === 'run.rolling_back') turnRound(model, plan, state)
  if (!('step' in event)) return
  const row = model.steps.get(event.step)
  const step = state.steps.get(event.step)
  if (row === undefined || step === undefined) return
  move(model, row, step.status)
  row.until = undefined
  row.duration_ms = step.duration_ms
  row.reason = failureOfStep(step)?.message ?? step.reason
  // Estimates are for the way forward.
  if (event.type === 'undo.armed') row.estimate_s = undefined
  const at = Date.parse(event.at)
  if (event.type === 'step.armed' || event.type === 'undo.armed') enter(model, row, at)
  else if (step.status !== 'running') {
    leave(model, row, at)
    if (row.left_at !== undefined) countAll(model, row, state, at)
  }
}

/** Takes in what is not in the journal. */
export function takeProgress(model: Model, progress: Progress, now: number): void {
  if (progress.kind === 'note') {
    model.notes.push(progress.text)
    if (model.notes.length > NOTES) model.notes.shift()
    return
  }
  if (progress.kind === 'place') return
  const row = model.steps.get(progress.step)
  if (row === undefined) return
  if (progress.kind === 'output') return takeOutput(model, row, progress.text)
  if (progress.kind === 'waiting') {
    row.until = Date.parse(progress.until)
    model.focus = row
    return
  }
  // What an earlier process began has been at work ever since.
  const still = progress.kind === 'doing' && progress.what === 'still running'
  const since = still ? (row.left_at ?? now) : now
  if (row.phase.since === undefined) model.before_ms += Math.max(0, model.begun - since)
  enter(model, row, since)
  if (progress.kind === 'watching') {
    row.watching = { ...progress, at: now }
    return
  }
  row.doing = progress.detail === undefined ? progress.what : `${progress.what}: ${progress.detail}`
}

function takeOutput(model: Model, row: StepRow, text: string): void {
  if (model.output?.row !== row) model.output = { row, lines: [], open: false }
  const { output } = model
  const fresh = lastLines(text, OUTPUT_LINES)
  if (output.open) fresh[0] = `${output.lines.pop() ?? ''}${fresh[0] ?? ''}`
  output.lines = [...output.lines, ...fresh].slice(-OUTPUT_LINES)
  output.open = !/[\r\n]$/.test(text)
  model.outputRoom = Math.max(model.outputRoom, output.lines.length)
}

function move(model: Model, row: StepRow, status: StepStatus): void {
  if (row.status === status) return
  for (const counts of [model.counts, row.phase.counts]) {
    counts[row.status] = (counts[row.status] ?? 0) - 1
    counts[status] = (counts[status] ?? 0) + 1
  }
  row.status = status
}

function enter(model: Model, row: StepRow, at: number): void {
  if (row.since !== undefined) return
  row.since = at
  row.phase.since ??= at
  row.phase.active += 1
  model.active.add(row)
  model.focus = row
}

function leave(model: Model, row: StepRow, at: number): void {
  model.focus = row
  // What it printed is of no use any more, unless it went wrong.
  if (row.status !== 'failed' && row.status !== 'undo_failed' && model.output?.row === row)
    model.output = undefined
  row.doing = undefined
  row.watching = undefined
  if (row.since === undefined) return
  row.since = undefined
  model.active.delete(row)
  row.phase.active -= 1
  if (row.phase.active > 0 || row.phase.since === undefined) return
  row.phase.ms += Math.max(0, at - row.phase.since)
  row.phase.since = undefined
}

/** The time that a step was at work under an earlier process is known only when it is settled. */
function countAll(model: Model, row: StepRow, state: RunState, at: number): void {
  row.left_at = undefined
  const { phase } = row
  if (state.direction === 'backward') return
  const before = phase.ms
  phase.ms = timeAtWork(phase.steps.flatMap(({ id }) => state.steps.get(id) ?? []))
  if (phase.since !== undefined) phase.since = at
  model.before_ms += phase.ms - before
}

/** From here on the times are those of the undoing. */
function turnRound(model: Model, plan: Plan, state: RunState): void {
  model.toUndo = leftToUndo(plan, state) + (model.counts.undone ?? 0)
  for (const phase of model.phases) {
    phase.estimate_s = undefined
    phase.ms = 0
  }
}

function leftToUndo(plan: Plan, state: RunState): number {
  try {
    const steps = stepsToUndo(plan, state, requestOf(state))
    return steps.reduce((count, { covers }) => count + 1 + covers.length, 0)
  } catch (error) {
    // What stands in the way is the engine's to say; this is only for the bar.
    if (isRunbookError(error)) return 0
    throw error
  }
}
