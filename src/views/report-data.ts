/** What a report says of a run, as data: from its plan and its journal, and nothing else. */
import { actionInShort } from '../core/in-short.ts'
import type { Asked, Event, Failure, RunStatus } from '../core/events.ts'
import { historyOf, type StepHistory, type Try } from '../core/history.ts'
import type { Plan, PlanInput } from '../core/plan.ts'
import type { Contact, Step } from '../core/runbook.ts'
import type { RunState, StepStatus } from '../core/state.ts'
import { textOf } from '../core/templates.ts'
import { advice, type Advice } from './advice.ts'
import { figuresOf } from './report-figures.ts'
import { answersIn, deviationsIn, type Deviation, type PersonsWord } from './report-events.ts'
import { probedIn, type Downtime, type Probed } from './report-watched.ts'
import { phaseTimes, spansOf, unionOf } from './times.ts'
import { withoutCredentials } from './words.ts'

export interface ReportedStep {
  id: string
  title: string
  phase: string
  owner: string | null
  status: StepStatus
  /** Of the way forward; null when it was not begun. */
  begun_at: string | null
  attempts: number
  duration_ms: number | null
  estimate_s: number | null
  reason: string | null
  refs: string[]
  does: string | null
  /** What the last attempt was asked, or what made it satisfied. */
  checks: Asked[]
  /** Why it failed last, forwards or backwards, whatever came of it later. */
  failure: Failure | null
  /** How its undo was proven; null when it was not undone. */
  undo: { duration_ms: number; checks: Asked[]; covered_by: string | null } | null
  /** By name: what it gave, as far as that is no secret. */
  figures: Record<string, unknown>
}

export interface ReportedPhase {
  id: string
  title: string
  owner: string | null
  estimate_s: number | null
  actual_ms: number
  begun_at: string | null
  ended_at: string | null
  /** How many of its steps stand how. */
  counts: Partial<Record<StepStatus, number>>
}

export interface Report {
  run: string
  runbook: string
  title: string
  version: string
  environment: string
  protected: boolean
  status: RunStatus
  exit_code: number | null
  /** Why it stands so, where the record says it. */
  reason: string | null
  partial: boolean
  plan_sha256: string
  by: string
  host: string
  tool: string
  /** The run in another environment that proved what this one deploys. */
  builds_on: string | null
  begun_at: string
  /** Null while it can still go on by itself. */
  ended_at: string | null
  /** From its beginning to its end, or to the last event. */
  duration_ms: number
  inputs: { name: string; value: string }[]
  phases: ReportedPhase[]
  steps: ReportedStep[]
  /** What each probe saw. */
  watched: Probed[]
  /** Null when no probe looked. */
  downtime: Downtime | null
  answers: PersonsWord[]
  deviations: Deviation[]
  /** Each time that the run turned round, or was turned round again. */
  rollbacks: { at: string; why: string; automatic: boolean; what: string }[]
  contacts: Contact[]
  next: Advice[]
}

/** Makes the report; `state` is the fold of `events`. */
export function reportOf(plan: Plan, state: RunState, events: readonly Event[]): Report {
  const history = historyOf(events)
  const created = events.find((event) => event.type === 'run.created')
  const over = !['running', 'rolling_back', 'paused', 'waiting'].includes(state.status)
  const steps = [...plan.steps, ...plan.finally].map((step) =>
    stepReport(step, state, history.get(step.id)),
  )
  const phases = phaseReports(plan, state, history)
  const { probed: watched, downtime } = probedIn(events)
  return {
    run: state.run,
    runbook: plan.runbook,
    title: plan.title,
    version: plan.version,
    environment: state.environment,
    protected: plan.environment.protected,
    status: state.status,
    exit_code: over ? (state.exit_code ?? null) : null,
    reason: state.reason ?? null,
    partial: state.partial,
    plan_sha256: state.plan_sha256,
    by: state.by.user,
    host: state.by.host,
    tool: created?.tool ?? '',
    builds_on: state.builds_on ?? null,
    begun_at: state.created_at,
    ended_at: over ? state.updated_at : null,
    duration_ms: Math.max(0, Date.parse(state.updated_at) - Date.parse(state.created_at)),
    inputs: inputsOf(plan),
    phases,
    steps,
    watched,
    downtime,
    answers: answersIn(plan, state, events),
    deviations: deviationsIn(plan, state, events, { history, phases }),
    rollbacks: events.flatMap((event) =>
      event.type === 'run.rolling_back'
        ? [{ at: event.at, why: event.why, automatic: event.automatic, what: extentOf(event) }]
        : [],
    ),
    contacts: plan.contacts,
    next: advice(plan, state),
  }
}

function extentOf({ scope, to, last_resort = [] }: Event & { type: 'run.rolling_back' }): string {
  const words = [
    scope === undefined ? '' : `scope ${scope}`,
    to === undefined ? '' : `to ${to}`,
    last_resort.length === 0 ? '' : `by the last resort of ${last_resort.join(', ')}`,
  ].filter((word) => word !== '')
  return words.length === 0 ? 'everything that was done' : words.join(', ')
}

/** The commit first: it is what one asks for. Of what is secret or known only to the run, whence it came. */
function inputsOf(plan: Plan): { name: string; value: string }[] {
  const inputs = Object.entries(plan.inputs).map(([name, input]) => ({
    name,
    value: inputText(input),
  }))
  return inputs.toSorted((a, b) => Number(b.name === 'commit') - Number(a.name === 'commit'))
}

function inputText(input: PlanInput): string {
  if (input.kind === 'secret') return `secret, from ${input.from}`
  if (input.kind === 'late') return `${input.secret ? 'secret, ' : ''}from ${input.from}`
  return withoutCredentials(textOf(input.value))
}

function stepReport(step: Step, state: RunState, known: StepHistory | undefined): ReportedStep {
  const now = state.steps.get(step.id)
  const { done = [], undone = [], satisfied, covered_by, proof = [] } = known ?? {}
  const last = done.at(-1)
  // An undo that was tried again and worked has failed in the deviations, and its step has not.
  const tries = now?.status === 'undone' ? done : [...done, ...undone]
  const failure = tries.findLast((one) => one.failure !== undefined)?.failure
  return {
    id: step.id,
    title: step.title,
    phase: step.phase,
    owner: step.owner ?? null,
    status: now?.status ?? 'pending',
    begun_at: done[0]?.began_at ?? null,
    attempts: done.length,
    duration_ms: done.length === 0 ? null : sum(done),
    estimate_s: step.estimate_s ?? null,
    reason: now?.reason ?? null,
    refs: step.refs,
    does: step.act === undefined ? null : actionInShort(step.act.action),
    checks: satisfied ?? last?.checks ?? [],
    failure: failure ?? null,
    undo:
      now?.status === 'undone' || now?.status === 'undo_failed'
        ? { duration_ms: sum(undone), checks: proof, covered_by: covered_by ?? null }
        : null,
    figures: figuresOf(step, last, now),
  }
}

const sum = (tries: readonly Try[]) => tries.reduce((ms, one) => ms + (one.duration_ms ?? 0), 0)

function phaseReports(
  plan: Plan,
  state: RunState,
  history: ReadonlyMap<string, StepHistory>,
): ReportedPhase[] {
  const estimates = phaseTimes(plan, state)
  return plan.phases.map((phase, i) => {
    const spans = phase.steps.flatMap((id) => (history.get(id)?.done ?? []).flatMap(spansOf))
    const counts: ReportedPhase['counts'] = {}
    for (const id of phase.steps) {
      const status = state.steps.get(id)?.status ?? 'pending'
      counts[status] = (counts[status] ?? 0) + 1
    }
    const at = (ms: number) => (Number.isFinite(ms) ? new Date(ms).toISOString() : null)
    return {
      id: phase.id,
      title: phase.title,
      owner: phase.owner ?? null,
      estimate_s: estimates[i]?.estimate_s ?? null,
      actual_ms: unionOf(spans),
      begun_at: at(Math.min(...spans.map(({ from }) => from))),
      ended_at: at(Math.max(...spans.map(({ to }) => to))),
      counts,
    }
  })
}
