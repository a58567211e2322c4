/** What one step makes of its events. */
import type { Event } from './events.ts'
import { foldTicks, nothingWatched } from './soak.ts'
import type { Signature, StepState } from './state.ts'

/** Folds one event of a step into its state, in place. */
export function applyToStep(step: StepState, event: Event & { step: string }): void {
  switch (event.type) {
    case 'step.armed':
      // What was interrupted goes on; what ended begins anew.
      if (step.flight === undefined) step.soaks = {}
      step.status = 'running'
      step.attempts = event.attempt
      begin(step, event)
      step.flight = {
        role: 'do',
        attempt: event.attempt,
        part: 0,
        phase: 'armed',
        ...(event.before !== undefined && { before: event.before }),
      }
      step.undone_parts = 0
      delete step.failure
      delete step.undo_failure
      delete step.reason
      waitsNoMore(step)
      delete step.resolved
      break
    case 'step.started':
    case 'undo.started':
      if (event.type === 'step.started') {
        if (step.started_seq === undefined && step.flight !== undefined) step.flight.first = true
        step.started_seq ??= event.seq
        step.started_at = event.at
      }
      if (step.flight !== undefined && event.process !== undefined)
        step.flight.process = event.process
      break
    case 'step.acted':
    case 'undo.acted':
      if (step.flight !== undefined) {
        step.flight.phase = 'acted'
        step.flight.ok = event.ok
      }
      // As if it had never started; what an earlier attempt may have left is not forgotten.
      if (event.type === 'step.acted' && event.unchanged === true && step.flight?.first === true)
        delete step.started_seq
      step.acted_ms = event.duration_ms
      if (event.type === 'step.acted') step.outputs = event.outputs
      break
    case 'step.sampled':
      sampled(step, event)
      break
    case 'step.done':
      step.status = 'done'
      if (event.outputs !== undefined) step.outputs = event.outputs
      end(step, event)
      break
    case 'step.failed':
      step.status = 'failed'
      step.failure = event.failure
      end(step, event)
      break
    case 'step.skipped':
      step.status = 'skipped'
      waitsNoMore(step)
      step.reason = event.reason
      step.ended_at = event.at
      break
    case 'step.satisfied':
      step.status = 'satisfied'
      waitsNoMore(step)
      delete step.reason
      step.outputs = event.outputs
      step.ended_at = event.at
      break
    case 'step.waiting':
      step.status = 'waiting'
      waitsNoMore(step)
      step.reason = event.reason
      if (event.until !== undefined) step.until = event.until
      if (event.roles !== undefined) step.roles = event.roles
      break
    case 'step.signed':
      step.signatures.push(signature(event))
      if (step.roles !== undefined) step.roles = step.roles.filter((role) => role !== event.role)
      break
    case 'step.in_doubt':
    case 'undo.in_doubt':
      step.status = 'in_doubt'
      step.reason = event.reason
      break
    case 'step.resolved':
      resolve(step, event)
      break
    case 'undo.armed':
      delete step.undo_failure
      for (const signature of step.signatures) signature.spent = true
      step.undo_attempts = event.attempt
      begin(step, event)
      step.undo_part = event.part
      step.status = 'running'
      step.flight = { role: 'undo', attempt: event.attempt, part: event.part, phase: 'armed' }
      delete step.resolved
      delete step.reason
      break
    case 'undo.done':
      step.undone_parts = event.part + 1
      delete step.undo_failure
      delete step.reason
      end(step, event)
      if (event.last) {
        step.status = 'undone'
        delete step.started_seq
      }
      break
    case 'undo.failed':
      step.status = 'undo_failed'
      step.undo_failure = event.failure
      end(step, event)
      break
    default:
  }
}

function sampled(step: StepState, event: Event & { type: 'step.sampled' }): void {
  if (event.check !== undefined)
    foldTicks((step.soaks[event.check] ??= nothingWatched()), event.ticks, event.breach)
  else {
    if (event.begins === true || step.during === undefined) step.during = nothingWatched()
    foldTicks(step.during, event.ticks, event.breach)
  }
}

/** The run went back while the step waited to begin: it does not begin any more. */
export function giveUpWaiting(step: StepState): void {
  if (step.status !== 'waiting') return
  step.status = 'pending'
  delete step.reason
  waitsNoMore(step)
}

function waitsNoMore(step: StepState): void {
  delete step.until
  delete step.roles
}

function signature(event: Event & { type: 'step.signed' }): Signature {
  const { role, plan_sha256, by, note, confirmed, assumed, at } = event
  return {
    role,
    plan_sha256,
    by,
    at,
    spent: false,
    ...(note !== undefined && { note }),
    ...(confirmed !== undefined && { confirmed }),
    ...(assumed !== undefined && { assumed }),
  }
}

function begin(step: StepState, { at }: Event): void {
  step.began_at = at
  delete step.acted_ms
}

function end(step: StepState, event: Event & { duration_ms: number }): void {
  step.ended_at = event.at
  step.duration_ms = event.duration_ms
  delete step.flight
  waitsNoMore(step)
}

/**
 * A person's word on a step in doubt. `done`: what was in flight took effect, and its check must hold
 * next. `not_done`: as never started. `undo`: its rollback is run and verified first.
 */
function resolve(step: StepState, event: Event & { type: 'step.resolved' }): void {
  // A failed undo that a person finished by hand: only its verification is left.
  if (step.status === 'undo_failed')
    step.flight = {
      role: 'undo',
      attempt: step.undo_attempts,
      part: step.undo_part ?? step.undone_parts,
      phase: 'acted',
      ok: true,
    }
  const flight = step.flight
  delete step.reason
  if (event.as === 'not_done') {
    if (flight?.role === 'undo') step.status = 'done'
    else {
      step.status = 'pending'
      delete step.started_seq
    }
    delete step.flight
    return
  }
  step.resolved = event.as
  step.status = 'running'
  if (event.as === 'done' && flight !== undefined) {
    flight.phase = 'acted'
    flight.ok = true
  }
}
