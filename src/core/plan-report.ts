/** What a plan would do, as `runbook plan` found it out: pure data, made by the engine, shown by views. */
import type { Plan } from './plan.ts'

export type Would =
  | 'run'
  /** Its check holds already, so it would not be run. */
  | 'satisfied'
  | 'skipped'
  /** Whether it would run hangs on what steps before it give, or its check could not be asked. */
  | 'unknown'

export interface PlannedStep {
  id: string
  title: string
  phase: string
  would: Would
  /** Why it would be skipped, is satisfied or cannot be known; a precondition that does not hold now. */
  reason?: string
  /** The verb, and what it does in short: `run: npx prisma migrate deploy`, `POST /api/qr/generate`. */
  does?: string
  /** Titles of the checks. */
  checks: string[]
  /** What is watched while it is done and verified. */
  during?: string
  /** What each probe of its soaks asks and expects. */
  watches: string[]
  /** How it is undone, each part in short; `keep` for nothing to undo on purpose; none for what changes nothing. */
  undo: string[] | 'keep' | 'none'
  /** What undoing it loses. */
  loses: string[]
  /** What undoes it when a person asks for that by name; left out: nothing. */
  last_resort?: { does: string; loses: string; covers: string[] }[]
  /** Why it cannot be undone. */
  irreversible?: string
  /** The names of the hosts that it runs on, and how many of them at a time. */
  hosts?: string[]
  batch?: number
  /** How long it waits after the end of another step. */
  after?: { step: string; at_least: string }
  /** Whose word it wants before it starts. */
  approval: string[]
  estimate_s?: number
  owner?: string
  refs: string[]
}

/** Why a check's answer is not known, when nothing was asked. */
export const NOT_ASKED = 'its check was not asked'

export interface PlanReport {
  plan: Plan
  plan_sha256: string
  /** In the order of the plan; those of `finally` last. */
  steps: PlannedStep[]
  /** The first irreversible step that would run: before it everything can be undone, after it not. */
  point_of_no_return?: string
  /** Preconditions of the runbook that do not hold now, and what else a person must know before. */
  problems: string[]
  /** Whether checks were asked: not with --offline. */
  asked: boolean
}
