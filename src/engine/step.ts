/**
 * The life of a step: pending → armed (its intent durable) → running → acted → verifying → done | failed;
 * besides skipped, satisfied, in doubt. Nothing runs before its intent is durable, nothing is shown as
 * done before its end is durable.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { milliseconds } from '../core/durations.ts'
import type { Answer, Failure, FailureReason, NewEvent } from '../core/events.ts'
import { describeAsked } from '../core/asked.ts'
import { evaluate, type Scope } from '../core/expressions.ts'
import { mayRunAgain, nextForStep } from '../core/next.ts'
import type { Attempt, Step } from '../core/runbook.ts'
import { stepState } from '../core/state.ts'
import { resolve } from '../core/templates.ts'
import { askChecks, type Asking } from './ask.ts'
import { leavesReceipt, perform, recover, type Judged, type Role } from './attempt.ts'
import { scrubStep } from './leftovers.ts'
import { takeOutputs } from './outputs.ts'
import { needsPerson, someoneAnswers } from './persons.ts'
import { attemptFolder, halt, scopeOf, type Runtime } from './runtime.ts'

/** How it ended for now; `stopped`: the reason is in `rt.halt`. */
export type StepEnd = 'over' | 'failed' | 'stopped'

const NOTHING = { clear: {}, kept: {} }
const MOST_HELD = 64 * 2 ** 10

/** Takes one step as far as it goes, from wherever the journal says it stands. */
export async function runStep(rt: Runtime, step: Step): Promise<StepEnd> {
  try {
    return await live(rt, step)
  } finally {
    scrubStep(rt, step.id)
  }
}

async function live(rt: Runtime, step: Step): Promise<StepEnd> {
  const next = nextForStep(step, rt.journal.state.steps.get(step.id), rt.retry)
  switch (next) {
    case 'over':
      return 'over'
    case 'needs_retry':
      halt(rt, { kind: 'needs_retry', step })
      return 'stopped'
    case 'in_doubt':
      return doubt(
        rt,
        step,
        stepState(rt.journal.state, step.id).reason ?? 'nobody recorded its end',
      )
    case 'undo':
      // The caller undoes it first: undoing is another life.
      return 'stopped'
    case 'verify':
      return settleActed(rt, step)
    case 'recover':
      return recoverStep(rt, step)
    case 'start':
      return startStep(rt, step)
  }
}

async function startStep(rt: Runtime, step: Step): Promise<StepEnd> {
  const scope = stepScope(rt)
  if (!rt.selected.has(step.id)) {
    await rt.journal.record({ type: 'step.skipped', step: step.id, reason: 'not selected' })
    return 'over'
  }
  if (step.when !== undefined) {
    const when = evaluate(step.when.source, scope)
    if (!when.ok || typeof when.value !== 'boolean') {
      const why = when.ok ? 'is not true or false' : when.message
      return failStep(
        rt,
        step,
        0,
        { reason: 'inconclusive', message: `when: ${step.when.source} (${step.when.at}): ${why}` },
        0,
      )
    }
    if (!when.value) {
      await rt.journal.record({
        type: 'step.skipped',
        step: step.id,
        reason: `when ${step.when.source} is false`,
      })
      return 'over'
    }
  }
  if (needsPerson(step) && !someoneAnswers(rt.plan, rt.view)) {
    const reason = `a person must answer: ${step.title}`
    await rt.journal.record({ type: 'step.waiting', step: step.id, reason })
    halt(rt, { kind: 'waiting', step, reason })
    return 'stopped'
  }
  const known = stepState(rt.journal.state, step.id)
  const asks = step.skip_if_verified || wantsProbe(step)
  let before: Answer | undefined
  if (asks && known.attempts === 0) {
    rt.view.progress({ kind: 'doing', step: step.id, what: 'asking first' })
    const { answer, answered } = await askChecks(
      rt,
      step.verify,
      asking(rt, step, 0, 'before', false),
      true,
    )
    before = answer
    if (answer === 'holds' && step.skip_if_verified) {
      const last = answered.at(-1)
      // A pure check's outputs are those of its check; an action that was not run has none.
      const taken =
        last === undefined || step.act !== undefined
          ? NOTHING
          : takeOutputs(rt, step, last.judged, scope)
      const { clear, kept } = 'problem' in taken ? NOTHING : taken
      rt.outputs[step.id] = clear
      await rt.journal.record({
        type: 'step.satisfied',
        step: step.id,
        checks: answered.map((a) => a.asked),
        outputs: kept,
      })
      return 'over'
    }
  }
  if (!(await requirementsHold(rt, step))) return 'stopped'
  // Somebody wants it to stop, and nothing of this step has begun.
  if (rt.stop.asked() !== undefined || rt.stop.interrupt.aborted) return paused(rt)
  return step.act === undefined ? pureCheck(rt, step) : act(rt, step, step.act, before)
}

/** What a receipt cannot tell after a crash, a check can, if it was seen not to hold before. */
function wantsProbe(step: Step): boolean {
  const { act, effect, verify, outputs } = step
  if (
    act === undefined ||
    effect !== 'once' ||
    leavesReceipt(act.action) ||
    act.action.verb === 'manual'
  )
    return false
  const own = `steps.${step.id}.`
  return (
    verify.length > 0 && !(Object.keys(outputs).length > 0 && JSON.stringify(verify).includes(own))
  )
}

async function requirementsHold(rt: Runtime, step: Step): Promise<boolean> {
  for (const [index, check] of step.requires.entries()) {
    const { answered } = await askChecks(
      rt,
      [check],
      asking(rt, step, 0, `requires-${index}`, true),
    )
    const asked = answered[0]?.asked
    if (asked !== undefined && asked.answer !== 'holds') {
      if (rt.stop.interrupt.aborted) {
        paused(rt)
        return false
      }
      halt(rt, { kind: 'precondition', step, message: describeAsked(asked) })
      return false
    }
  }
  return true
}

async function pureCheck(rt: Runtime, step: Step): Promise<StepEnd> {
  const attempt = stepState(rt.journal.state, step.id).attempts + 1
  await rt.journal.record(
    { type: 'step.armed', step: step.id, attempt },
    { type: 'step.started', step: step.id, attempt },
  )
  return verifyStep(rt, step, attempt, undefined, [])
}

async function act(
  rt: Runtime,
  step: Step,
  action: Attempt,
  before: Answer | undefined,
): Promise<StepEnd> {
  const { retry } = action
  const times = retry !== undefined && 'attempts' in retry ? retry.attempts : 1
  const first = stepState(rt.journal.state, step.id).attempts + 1
  for (let attempt = first; ; attempt += 1) {
    rt.view.progress({
      kind: 'doing',
      step: step.id,
      what: 'doing',
      ...(attempt > first && { detail: `attempt ${attempt}` }),
    })
    let armed = false
    const judged = await perform(rt, action, {
      ...role(rt, step, attempt, `do-${attempt}`),
      kind: 'do',
      gate: async (process) => {
        const folder = attemptFolder(rt, rt.run, step.id, `do-${attempt}`).slice(rt.root.length + 1)
        await rt.journal.record(
          { type: 'step.armed', step: step.id, attempt, ...(before !== undefined && { before }) },
          {
            type: 'step.started',
            step: step.id,
            attempt,
            folder,
            ...(process !== undefined && { process }),
          },
        )
        armed = true
      },
    })
    const again =
      judged.answer !== 'holds' && attempt - first + 1 < times && rt.stop.asked() === undefined
    if (!armed) return failStep(rt, step, attempt, notArmed(judged), judged.duration_ms)
    if (!again) return acted(rt, step, attempt, judged)
    const failed = failureOf(
      rt,
      step,
      judged,
      judged.outcome.problem?.kind === 'timeout' ? 'timeout' : 'action_failed',
    )
    await rt.journal.record(actedEvent(rt, step, attempt, judged, {}), {
      type: 'step.failed',
      step: step.id,
      attempt,
      failure: failed,
      duration_ms: judged.duration_ms,
    })
    await sleep(milliseconds(String(resolve(retry?.every ?? '0s', stepScope(rt)))), undefined, {
      signal: rt.stop.interrupt,
    }).catch(() => undefined)
  }
}

/** The action has ended and we know how: its outputs, its checks, its end. */
async function acted(
  rt: Runtime,
  step: Step,
  attempt: number,
  judged: Judged,
  settled?: 'receipt',
): Promise<StepEnd> {
  for (const text of judged.outcome.notes ?? [])
    rt.view.progress({ kind: 'note', step: step.id, text })
  if (judged.outcome.problem?.kind === 'interrupted') return interrupted(rt, step, attempt, judged)
  const taken = judged.answer === 'holds' ? takeOutputs(rt, step, judged, stepScope(rt)) : NOTHING
  if ('problem' in taken) {
    await rt.journal.record(actedEvent(rt, step, attempt, judged, {}))
    return failStep(
      rt,
      step,
      attempt,
      { reason: 'action_failed', message: taken.problem },
      judged.duration_ms,
    )
  }
  rt.outputs[step.id] = taken.clear
  const event = {
    ...actedEvent(rt, step, attempt, judged, taken.kept),
    ...(settled !== undefined && { adopted: true }),
  }
  if (judged.answer !== 'holds') {
    await rt.journal.record(event)
    return actionFailed(rt, step, attempt, judged)
  }
  // A receipt keeps the action's end until it is recorded together with the check's: one write fewer.
  const soon =
    step.act !== undefined &&
    leavesReceipt(step.act.action) &&
    step.verify.every((check) => check.retry === undefined)
  if (soon) return verifyStep(rt, step, attempt, judged, [event], settled)
  await rt.journal.record(event)
  return verifyStep(rt, step, attempt, judged, [], settled)
}

/**
 * A person ended it. Where a process left its receipt one knows that it ended, and how: it failed, and
 * may have done half like any that fails. What became of a request that was cut off nobody can know.
 */
async function interrupted(
  rt: Runtime,
  step: Step,
  attempt: number,
  judged: Judged,
): Promise<StepEnd> {
  if (step.act === undefined || !leavesReceipt(step.act.action))
    return doubt(rt, step, 'it was interrupted')
  await rt.journal.record(actedEvent(rt, step, attempt, judged, {}))
  return failStep(rt, step, attempt, failureOf(rt, step, judged, 'interrupted'), judged.duration_ms)
}

/** Failed, even when its check holds; asked all the same, since a person wants to know. */
async function actionFailed(
  rt: Runtime,
  step: Step,
  attempt: number,
  judged: Judged,
): Promise<StepEnd> {
  const timeout = judged.outcome.problem?.kind === 'timeout'
  let reason: FailureReason = timeout
    ? 'timeout'
    : judged.missing === undefined
      ? 'action_failed'
      : 'value_missing'
  if (step.verify.length > 0 && reason === 'action_failed') {
    rt.view.progress({ kind: 'doing', step: step.id, what: 'verifying' })
    const { answer } = await askChecks(rt, step.verify, asking(rt, step, attempt, 'verify', false))
    if (answer === 'holds') reason = 'action_failed_check_passed'
  }
  return failStep(rt, step, attempt, failureOf(rt, step, judged, reason), judged.duration_ms)
}

async function verifyStep(
  rt: Runtime,
  step: Step,
  attempt: number,
  judged: Judged | undefined,
  pending: NewEvent[],
  settled?: 'receipt' | 'check' | 'person',
): Promise<StepEnd> {
  const began = performance.now()
  const duration = () => Math.round((judged?.duration_ms ?? 0) + performance.now() - began)
  if (step.verify.length > 0) rt.view.progress({ kind: 'doing', step: step.id, what: 'verifying' })
  const { answer, answered } = await askChecks(
    rt,
    step.verify,
    asking(rt, step, attempt, 'verify', true),
  )
  const checks = answered.map((a) => a.asked)
  if (checks.length > 0) pending.push({ type: 'step.verified', step: step.id, attempt, checks })
  if (answer === 'holds') {
    const only = step.act === undefined ? answered.at(-1) : undefined
    const taken = only === undefined ? undefined : takeOutputs(rt, step, only.judged, stepScope(rt))
    if (taken !== undefined && 'problem' in taken) {
      await rt.journal.record(...pending)
      return failStep(
        rt,
        step,
        attempt,
        { reason: 'verify_failed', message: taken.problem },
        duration(),
      )
    }
    if (taken !== undefined) rt.outputs[step.id] = taken.clear
    await rt.journal.record(...pending, {
      type: 'step.done',
      step: step.id,
      attempt,
      duration_ms: duration(),
      ...(taken !== undefined && { outputs: taken.kept }),
      ...(settled !== undefined && { settled }),
    })
    return 'over'
  }
  if (pending.length > 0) await rt.journal.record(...pending)
  if (rt.stop.interrupt.aborted) return paused(rt)
  const last = answered.at(-1)
  const failure: Failure = {
    reason: answer === 'cannot_tell' ? 'inconclusive' : 'verify_failed',
    message: last === undefined ? '' : describeAsked(last.asked),
    ...(last !== undefined && { asked: last.asked }),
    ...tailOf(rt, last?.judged ?? judged),
    ...hintsOf(rt, step, last?.judged),
  }
  return failStep(rt, step, attempt, failure, duration())
}

/** Its end is in the journal, its verification is not: ask again, checks only read. */
async function settleActed(rt: Runtime, step: Step): Promise<StepEnd> {
  const { flight, resolved } = stepState(rt.journal.state, step.id)
  const attempt = flight?.attempt ?? 1
  if (flight?.ok === false) {
    const { answer } = await askChecks(rt, step.verify, asking(rt, step, attempt, 'verify', false))
    const reason =
      answer === 'holds' && step.verify.length > 0 ? 'action_failed_check_passed' : 'action_failed'
    return failStep(
      rt,
      step,
      attempt,
      { reason, message: 'its action failed before this run was interrupted' },
      0,
    )
  }
  return verifyStep(rt, step, attempt, undefined, [], resolved === 'done' ? 'person' : undefined)
}

/** The tool died in between: the receipt says; else the check, if it had been seen not to hold; else a person. */
async function recoverStep(rt: Runtime, step: Step): Promise<StepEnd> {
  const { flight } = stepState(rt.journal.state, step.id)
  if (flight === undefined || step.act === undefined) return startStep(rt, step)
  const found = await recoverFlight(rt, step, step.act)
  if (found.state === 'ended') return acted(rt, step, flight.attempt, found.judged, 'receipt')
  if (found.state === 'never') return startStep(rt, step)
  if (flight.before === 'does_not_hold') {
    rt.view.progress({ kind: 'doing', step: step.id, what: 'verifying' })
    const { answer } = await askChecks(
      rt,
      step.verify,
      asking(rt, step, flight.attempt, 'verify', true),
    )
    if (answer === 'holds') return verifyStep(rt, step, flight.attempt, undefined, [], 'check')
  }
  if (mayRunAgain(step)) return startStep(rt, step)
  return doubt(rt, step, 'its action was started, and nobody recorded how it ended')
}

/** What became of a step's action after a crash. When it never started, the journal says so from now on. */
export async function recoverFlight(
  rt: Runtime,
  step: Step,
  action: Attempt,
): ReturnType<typeof recover> {
  const { flight } = stepState(rt.journal.state, step.id)
  const attempt = flight?.attempt ?? 1
  const found = await recover(
    rt,
    action,
    { ...role(rt, step, attempt, `do-${attempt}`), kind: 'do', gate: () => Promise.resolve() },
    (process) => {
      rt.view.progress({
        kind: 'note',
        step: step.id,
        text: `still running (pid ${process.pid}); waiting up to its timeout`,
      })
    },
    flight?.process,
  )
  if (found.state === 'never') {
    await rt.journal.record({
      type: 'step.resolved',
      step: step.id,
      as: 'not_done',
      reason: 'its process never passed the gate',
      by: rt.actor,
    })
  }
  return found
}

async function doubt(rt: Runtime, step: Step, reason: string): Promise<StepEnd> {
  if (stepState(rt.journal.state, step.id).status !== 'in_doubt')
    await rt.journal.record({ type: 'step.in_doubt', step: step.id, reason })
  halt(rt, { kind: 'in_doubt', step, reason })
  return 'stopped'
}

function paused(rt: Runtime): StepEnd {
  halt(rt, { kind: 'paused' })
  return 'stopped'
}

async function failStep(
  rt: Runtime,
  step: Step,
  attempt: number,
  failure: Failure,
  duration_ms: number,
): Promise<StepEnd> {
  await rt.journal.record({ type: 'step.failed', step: step.id, attempt, failure, duration_ms })
  return 'failed'
}

function actedEvent(
  rt: Runtime,
  step: Step,
  attempt: number,
  judged: Judged,
  outputs: Record<string, unknown>,
): NewEvent & { type: 'step.acted' } {
  return {
    type: 'step.acted',
    step: step.id,
    attempt,
    ok: judged.answer === 'holds',
    result: summary(rt, judged),
    outputs,
    duration_ms: judged.duration_ms,
  }
}

/** What the journal keeps of a result: short, and without secrets. */
export function summary(rt: Runtime, judged: Judged): Record<string, unknown> {
  // Masked before it is cut: half a secret would be a secret still.
  const short = (value: unknown): unknown => {
    if (typeof value === 'string') return value.length > 2000 ? `…${value.slice(-2000)}` : value
    if (Array.isArray(value)) return value.slice(0, 20)
    return value
  }
  const entries = Object.entries(judged.outcome.fields).filter(
    ([name]) => !['stdout', 'stderr', 'json', 'duration_ms'].includes(name),
  )
  const masked = rt.masker.maskDeep(entries)
  return Object.fromEntries(masked.map(([name, value]) => [name, short(value)]))
}

function notArmed(judged: Judged): Failure {
  return {
    reason: judged.missing === undefined ? 'action_failed' : 'value_missing',
    message: judged.reason ?? 'it could not be started',
  }
}

export function failureOf(rt: Runtime, step: Step, judged: Judged, reason: FailureReason): Failure {
  const { expression, at, values } = judged
  const message =
    judged.reason ?? (expression === undefined ? 'it failed' : `${expression} does not hold`)
  return {
    reason,
    message: rt.masker.mask(message),
    ...(expression !== undefined && {
      asked: {
        title: step.title,
        answer: judged.answer,
        expression,
        ...(at !== undefined && { at }),
        ...(values !== undefined && { values: rt.masker.maskDeep(values) }),
        times: 1,
      },
    }),
    ...tailOf(rt, judged),
    ...hintsOf(rt, step, judged),
  }
}

function tailOf(rt: Runtime, judged: Judged | undefined): { tail?: string } {
  const tail = judged?.outcome.tail
  return tail === undefined || tail === '' ? {} : { tail: rt.masker.mask(tail) }
}

/** Hints look at the fields of the result; one that cannot be evaluated simply does not apply. */
function hintsOf(rt: Runtime, step: Step, judged: Judged | undefined): { hints?: string[] } {
  const scope = { ...stepScope(rt), ...judged?.outcome.fields }
  const hints = step.hints.filter((hint) => {
    const applies = evaluate(hint.when.source, scope)
    return applies.ok && applies.value === true
  })
  return hints.length === 0 ? {} : { hints: hints.map((hint) => hint.say) }
}

function stepScope(rt: Runtime): Scope {
  return scopeOf(rt, {
    run: rt.run,
    status: rt.ending ?? rt.journal.state.status,
    outputs: rt.outputs,
  })
}

/** Whole lines of the end: of a line that is cut, half a secret might be left. */
function lastOf(text: string): string {
  const from = text.length - MOST_HELD
  return from <= 0 ? text : text.slice(text.indexOf('\n', from) + 1)
}

/** What an action of this step gets in any role. */
export function role(
  rt: Runtime,
  step: Step,
  attempt: number,
  folder: string,
): Omit<Role, 'kind' | 'gate'> {
  const hidden = rt.masker.stream()
  // What a step prints that makes a secret is kept back until the secret is known.
  const late = Object.values(step.outputs).some(({ secret }) => secret)
  let held = ''
  const show = (text: string) => {
    if (text !== '') rt.view.progress({ kind: 'output', step: step.id, text })
  }
  return {
    step,
    attempt,
    folder,
    run: rt.run,
    epoch: rt.journal.epoch,
    scope: stepScope(rt),
    interrupt: rt.stop.interrupt,
    ask: rt.ask,
    output: (text) => {
      if (late) held = lastOf(held + text)
      else show(hidden.write(text))
    },
    outputEnds: () => {
      show(hidden.write(held) + hidden.end())
      held = ''
    },
  }
}

export function asking(
  rt: Runtime,
  step: Step,
  attempt: number,
  folder: string,
  patient: boolean,
): Asking {
  return { ...role(rt, step, attempt, folder), patient }
}
