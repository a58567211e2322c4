/**
 * The journal's contract. Append-only events per run, each durable when `append` returns, each
 * carrying the SHA-256 of the one before; plans by their hash; the lock that belongs to the run.
 * One set of contract tests holds for every store.
 */
import type { Actor, Event, NewEvent } from '../core/events.ts'
import { sha256, type Plan } from '../core/plan.ts'
import { EXIT, failure, type RunbookError } from '../core/errors.ts'

/** Who drives a run now. Held with a heartbeat; `epoch` grows with every change of hands. */
export interface Lease {
  run: string
  epoch: number
  holder: Actor
  /** UTC, ISO 8601. */
  since: string
  /** UTC; by the store's clock. */
  expires: string
}

/** The lock of a runbook and environment: the unfinished run that owns it. */
export interface Lock {
  name: string
  run: string
  /** Of the process that drives the run now, if any does. */
  lease?: Lease
}

/** One line of `history`. */
export interface RunHead {
  run: string
  runbook: string
  environment: string
}

export interface Store {
  /** Makes the journal where there is none. Throws exit 12 when it cannot be written. */
  prepare(): Promise<void>
  /**
   * Makes a run with its first event and takes the lock and the lease in one transaction.
   * Returns the lock that is in the way instead, when there is one.
   */
  create(run: {
    id: string
    lock: string
    plan: Plan
    plan_sha256: string
    first: NewEvent
    holder: Actor
  }): Promise<{ created: Lease; events: Event[] } | { busy: Lock }>
  /**
   * Appends in order, all or none, durable on return. Refused with exit 7 when `epoch` is no longer
   * the run's: somebody else drives it now.
   */
  append(run: string, epoch: number, events: NewEvent[]): Promise<Event[]>
  /**
   * Takes the lease of a run, and the lock for it when the run had given it back. `dead` decides of
   * the present holder; a lease that has run out may always be taken. Returns what is in the way
   * otherwise: the living holder's lease, or the lock that another run has.
   */
  take(
    run: string,
    holder: Actor,
    dead: (holder: Actor) => boolean,
  ): Promise<{ taken: Lease } | { held: Lease } | { busy: Lock }>
  /** Moves the expiry on. False when the lease is lost. */
  beat(run: string, epoch: number): Promise<boolean>
  /** Gives the lease back; the lock stays with the run unless `unlock`. */
  release(run: string, epoch: number, unlock: boolean): Promise<void>
  locks(): Promise<Lock[]>
  lease(run: string): Promise<Lease | undefined>

  plan(sha256: string): Promise<Plan>
  /** Adds a plan that a run changes to (`--replan`). */
  keepPlan(plan: Plan, sha256: string): Promise<void>
  /** All events of a run, its chain verified: exit 10 naming the sequence number where it breaks. */
  events(run: string): Promise<Event[]>
  /** Newest first. */
  runs(filter?: { runbook?: string; environment?: string; limit?: number }): Promise<RunHead[]>
  close(): Promise<void>
}

/** How long a lease lives without a heartbeat. A holder on this machine that is dead is known at once. */
export const LEASE_MS = 30_000

/** The error of a process that no longer drives the run. */
export function lost(run: string): RunbookError {
  return failure(
    EXIT.busy,
    `run ${run} was taken over by another process; this one stops and records nothing more`,
    {
      hint: `see who drives it now: runbook status ${run}`,
    },
  )
}

export function noPlan(sha256: string): RunbookError {
  return failure(EXIT.stale, `the journal holds no plan ${sha256}`)
}

/** A plan from its text as it was kept. Throws exit 10 when it is not the one of that hash. */
export function planFrom(text: string, hash: string): Plan {
  if (sha256(text) !== hash)
    throw failure(
      EXIT.stale,
      `the plan ${hash.slice(0, 12)} in the journal is not what was written`,
    )
  return JSON.parse(text) as Plan
}
