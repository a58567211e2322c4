/** A person's word for a role. It only records; the run takes notice when it is resumed. */
import { EXIT, failure, isRunbookError } from '../core/errors.ts'
import { idInRunbook } from '../core/hosts.ts'
import { missingApprovals, toSign, type ToSign } from '../core/signing.ts'
import { stepState, type RunState } from '../core/state.ts'
import type { Lease, RunHead } from '../stores/store.ts'
import { takeRun } from './lease.ts'
import { recorder } from './recorder.ts'
import { isUnfinished, loadRun, type KnownRun, type Session } from './session.ts'

export interface SignWishes {
  role: string
  step?: string
  note?: string
  /** Every item of a manual step is confirmed. */
  confirmAll: boolean
  /** The beginning of the hash of the plan that was looked at. */
  plan?: string
}

export interface SignedFor {
  role: string
  steps: string[]
  /** Roles whose approval these steps still want. */
  missing: string[]
  state: RunState
}

/**
 * Signs for the steps that ask the role now. The run must be at rest: its lease is taken for the
 * moment. Throws exit 2 when nothing asks for it, exit 7 while the run is driven, exit 9 when the plan
 * is not the one that was looked at.
 */
export async function signFor(
  session: Session,
  head: RunHead,
  wishes: SignWishes,
): Promise<SignedFor> {
  // A run that is over has given its lock back, and does not want it again.
  demandOpen(await loadRun(session.store, head), wishes.plan)
  const lease = await takeAtRest(session, head.run)
  try {
    // Read only now: nobody else writes it any more.
    const known = await loadRun(session.store, head)
    demandOpen(known, wishes.plan)
    const found = toSign(known.plan, known.state, wishes.role, wishes.step)
    const chosen = chooseOne(known.state, found, wishes)
    await record(session, lease, known.state, chosen, wishes)
    return told(known.state, chosen)
  } finally {
    await session.store.release(lease.run, lease.epoch, false)
  }
}

async function takeAtRest(session: Session, run: string): Promise<Lease> {
  try {
    return await takeRun(session, run)
  } catch (error) {
    if (!isRunbookError(error) || error.exit !== EXIT.busy) throw error
    const hint = `it can be signed while nobody drives it: Ctrl-C there pauses it, and runbook resume ${run} goes on`
    throw failure(EXIT.busy, error.message, { hint })
  }
}

function demandOpen(known: KnownRun, plan: string | undefined): void {
  const { state } = known
  const is = state.status.replaceAll('_', ' ')
  if (!isUnfinished(known))
    throw failure(EXIT.usage, `run ${state.run} is over: ${is}; there is nothing to sign`)
  if (state.direction === 'backward')
    throw failure(EXIT.usage, `run ${state.run} goes back: ${is}; there is nothing to sign`)
  if (plan === undefined || (plan.length >= 8 && state.plan_sha256.startsWith(plan))) return
  throw failure(
    EXIT.refused,
    `run ${state.run} has the plan ${state.plan_sha256.slice(0, 12)}, and not ${plan}: nothing was signed`,
    { hint: `look at it again: runbook status ${state.run}` },
  )
}

/** Beforehand only one step at a time, and never a list that was not confirmed. */
function chooseOne(
  state: RunState,
  found: readonly ToSign[],
  { step, confirmAll }: SignWishes,
): readonly ToSign[] {
  const waits = ({ step: { id } }: ToSign) => stepState(state, id).status === 'waiting'
  const ids = [...new Set(found.map((one) => idInRunbook(one.step)))]
  if (ids.length > 1 && step === undefined && !found.some(waits)) {
    throw failure(EXIT.usage, `several steps ask ${found[0]?.role ?? ''} to sign`, {
      hint: `say which: ${ids.map((id) => `--step ${id}`).join(', ')}`,
    })
  }
  const listed = found.find(({ confirm }) => confirm.length > 0)
  if (listed === undefined || confirmAll) return found
  const items = listed.confirm.map((item) => `\n  - ${item}`).join('')
  throw failure(EXIT.usage, `step ${listed.step.id} wants every item confirmed:${items}`, {
    hint: 'when all of it is so, add: --confirm-all',
  })
}

async function record(
  session: Session,
  lease: Lease,
  state: RunState,
  chosen: readonly ToSign[],
  { note }: SignWishes,
): Promise<void> {
  const hand = recorder(
    session.store,
    lease,
    state,
    (value) => value,
    () => undefined,
  )
  await hand.record(
    ...chosen.map(({ step, role, confirm }) => ({
      type: 'step.signed' as const,
      step: step.id,
      role,
      plan_sha256: state.plan_sha256,
      by: session.actor,
      ...(note !== undefined && { note }),
      ...(confirm.length > 0 && { confirmed: confirm }),
    })),
  )
}

function told(state: RunState, chosen: readonly ToSign[]): SignedFor {
  const missing = chosen.flatMap(({ step }) =>
    missingApprovals(step, stepState(state, step.id), state.plan_sha256),
  )
  return {
    role: chosen[0]?.role ?? '',
    steps: [...new Set(chosen.map(({ step }) => idInRunbook(step)))],
    missing: [...new Set(missing)],
    state,
  }
}
