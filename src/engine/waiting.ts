/** Steps that wait for a time, for signatures or for a person; and staying until a time has come. */
import type { Actor } from '../core/events.ts'
import { milliseconds } from '../core/durations.ts'
import type { Step } from '../core/runbook.ts'
import { answered, missingApprovals, needsPerson } from '../core/signing.ts'
import { stepState } from '../core/state.ts'
import { durationOf } from '../core/templates.ts'
import { dueAt, firstDue, heldUpBy, holdsUpOthers, msLeft } from '../core/waiting.ts'
import { sleepUnless } from '../lib/pause.ts'
import { failStep, type StepEnd } from './ends.ts'
import { someoneAnswers } from './persons.ts'
import { stepScope } from './roles.ts'
import { halt, type Runtime } from './runtime.ts'

interface Wait {
  reason: string
  until?: string
  roles?: string[]
}

/** Lets the step wait when it must; undefined: nothing stands before it. */
export async function waitFirst(rt: Runtime, step: Step): Promise<StepEnd | undefined> {
  const timer = timerOf(rt, step)
  if (timer !== undefined && 'problem' in timer)
    return failStep(rt, step, 0, { reason: 'inconclusive', message: timer.problem }, 0)
  const assume = rt.plan.environment.manual === 'assume'
  if (assume && timer === undefined) await assumeApprovals(rt, step)
  const approvals = assume ? undefined : approvalsOf(rt, step)
  const [first, ...rest] = [timer, approvals].filter((wait) => wait !== undefined)
  const wait = first === undefined ? personOf(rt, step) : rest.reduce((a, b) => both(a, b), first)
  return wait === undefined ? undefined : waits(rt, step, wait)
}

function both(a: Wait, b: Wait): Wait {
  return { ...a, ...b, reason: `${a.reason}; ${b.reason}` }
}

function timerOf(rt: Runtime, step: Step): Wait | { problem: string } | undefined {
  const { after } = step
  if (after === undefined) return undefined
  const at_least = durationOf(after.at_least, stepScope(rt, step))
  if (typeof at_least !== 'string') return { problem: `after: ${at_least.problem} (${after.at})` }
  const until = dueAt(rt.plan, rt.journal.state, after.step, milliseconds(at_least))
  if (msLeft(until, Date.now()) === 0) return undefined
  return { reason: `${at_least} after the end of step ${after.step}`, until }
}

function approvalsOf(rt: Runtime, step: Step): Wait | undefined {
  const { plan_sha256 } = rt.journal.state
  const known = stepState(rt.journal.state, step.id)
  const roles = missingApprovals(step, known, plan_sha256)
  if (roles.length === 0) return undefined
  const replaced = known.signatures.some((s) => roles.includes(s.role) && !s.spent)
  const why = replaced ? ' (again: what was signed was another plan)' : ''
  return { reason: `approval by ${roles.join(', ')}${why}`, roles }
}

function personOf(rt: Runtime, step: Step): Wait | undefined {
  if (!needsPerson(step) || someoneAnswers(rt.plan, rt.view)) return undefined
  const { plan_sha256 } = rt.journal.state
  if (answered(step, stepState(rt.journal.state, step.id), plan_sha256) !== undefined)
    return undefined
  const action = step.act?.action
  return {
    reason: `a person must answer: ${step.title}`,
    ...(action?.verb === 'manual' && { roles: [action.role] }),
  }
}

/** Where the environment answers for people, the record says that nobody did. */
async function assumeApprovals(rt: Runtime, step: Step): Promise<void> {
  const { plan_sha256 } = rt.journal.state
  const missing = missingApprovals(step, stepState(rt.journal.state, step.id), plan_sha256)
  if (missing.length === 0) return
  const by: Actor = { ...rt.actor, user: 'nobody' }
  const note = `assumed: the environment ${rt.plan.environment.name} answers`
  await rt.journal.record(
    ...missing.map((role) => ({
      type: 'step.signed' as const,
      step: step.id,
      role,
      plan_sha256,
      by,
      note,
      assumed: true as const,
    })),
  )
}

async function waits(rt: Runtime, step: Step, wait: Wait): Promise<StepEnd> {
  const known = stepState(rt.journal.state, step.id)
  const said =
    known.status === 'waiting' && known.reason === wait.reason && known.until === wait.until
  if (!said) await rt.journal.record({ type: 'step.waiting', step: step.id, ...wait })
  if (holdsUpOthers(rt.plan, step)) halt(rt, { kind: 'waiting', step, reason: wait.reason })
  else rt.waiting.add(step.phase)
  return 'stopped'
}

/** Says in the journal what the run waits for. */
export async function recordWaiting(rt: Runtime, otherwise: string): Promise<void> {
  const held = heldUpBy(rt.plan, rt.journal.state)
  const until = firstDue(held)
  const reason = held.map((step) => `${step.id}: ${step.reason ?? ''}`).join('; ') || otherwise
  await rt.journal.record({
    type: 'run.waiting',
    reason,
    ...(until !== undefined && { until }),
  })
}

const TICK_MS = 1000

/** Stays until a time, with a countdown for each step. False: somebody wants this process to stop. */
export async function stayUntil(rt: Runtime, until: string): Promise<boolean> {
  return stay(until, rt.stop.pause, () => {
    for (const step of heldUpBy(rt.plan, rt.journal.state))
      if (step.until !== undefined)
        rt.view.progress({ kind: 'waiting', step: step.id, until: step.until })
  })
}

/**
 * Waits until a time, UTC, by the clock of this machine, looked at again and again: it may be set, and
 * the machine may sleep. False: `signal` was aborted before.
 */
export async function stay(until: string, signal: AbortSignal, tick: () => void): Promise<boolean> {
  for (let left = msLeft(until, Date.now()); left > 0; left = msLeft(until, Date.now())) {
    if (signal.aborted) return false
    tick()
    await sleepUnless(Math.min(left, TICK_MS), signal)
  }
  return !signal.aborted
}
