/** What every command that looks at runs begins with: the root, the journal, and which run is meant. */
import { hostname, userInfo } from 'node:os'
import type { Actor } from '../core/events.ts'
import type { Plan } from '../core/plan.ts'
import { fold, type RunState } from '../core/state.ts'
import { hasLastResortLeft, hasSomethingToUndo, isFinished, lacksOnlyItsEnd } from '../core/undo.ts'
import { alive, self } from '../lib/processes.ts'
import { openStore } from '../stores/index.ts'
import type { RunHead, Store } from '../stores/store.ts'
import { statePlace } from './key.ts'

export interface Session {
  root: string
  store: Store
  actor: Actor
}

/** Opens the journal of a root: where there is none it is empty, and who only looks leaves none behind. Throws exit 12 when it cannot be used. */
export function openSession(root: string, storeUrl: string | undefined): Session {
  return { root, store: openStore(storeUrl, statePlace(root)), actor: me() }
}

function me(): Actor {
  // A user id without a name, as in many containers, is no reason to fail.
  let user = process.env.USER ?? 'unknown'
  try {
    user = userInfo().username
  } catch {
    user = String(process.getuid?.() ?? user)
  }
  return { user, host: hostname(), process: self() }
}

/** A run as the journal has it. */
export interface KnownRun {
  head: RunHead
  state: RunState
  plan: Plan
}

export async function loadRun(store: Store, head: RunHead): Promise<KnownRun> {
  const state = fold(await store.events(head.run))
  return { head, state, plan: await store.plan(state.plan_sha256) }
}

export interface RunReference {
  /** A run id, or a runbook's name. */
  run?: string | undefined
  environment?: string | undefined
}

/**
 * The run that is meant: by its id, or the newest of a runbook (and environment), or the newest of all.
 * `wanted` narrows it to the newest that fits. Undefined when none does.
 */
export async function findRun(
  store: Store,
  ref: RunReference,
  wanted: (run: KnownRun) => boolean = () => true,
): Promise<KnownRun | undefined> {
  const environment = ref.environment === undefined ? {} : { environment: ref.environment }
  if (ref.run !== undefined) {
    const exact = (await store.runs()).find((head) => head.run === ref.run)
    if (exact !== undefined) return loadRun(store, exact)
  }
  const heads = await store.runs({
    ...environment,
    ...(ref.run !== undefined && { runbook: ref.run }),
  })
  for (const head of heads) {
    const run = await loadRun(store, head)
    if (wanted(run)) return run
  }
  return undefined
}

export function isUnfinished({ plan, state }: KnownRun): boolean {
  return !isFinished(plan, state)
}

/** What an undo without a name may take: an abandoned run is undone only by its name. */
export function canBeUndone({ plan, state }: KnownRun): boolean {
  if (state.status === 'abandoned') return false
  return (
    hasSomethingToUndo(plan, state) || hasLastResortLeft(plan, state) || isUndone({ plan, state })
  )
}

/** Whether a rollback only lacks its end: all that it was to undo is undone. */
export function isUndone({ plan, state }: Pick<KnownRun, 'plan' | 'state'>): boolean {
  return state.direction === 'backward' && lacksOnlyItsEnd(plan, state)
}

/** Whether a holder of a lease is known to be dead: only of a process of this machine can one know. */
export function isDead(holder: Actor): boolean {
  return holder.host === hostname() && !alive(holder.process)
}
