/** An action in a role: what the role lends to it while it runs, and how its result is judged. */
import { randomBytes } from 'node:crypto'
import { isAbsolute } from 'node:path'
import { verbs } from '../actions/index.ts'
import type { About, ActionContext, Outcome, Recovery, Verb } from '../actions/action.ts'
import { milliseconds } from '../core/durations.ts'
import { EXIT, failure } from '../core/errors.ts'
import type { Answer, Breach, ProcessIdentity } from '../core/events.ts'
import { evaluate, judge, type Scope } from '../core/expressions.ts'
import { runsElsewhere } from '../core/hosts.ts'
import type { Action, Attempt, Step } from '../core/runbook.ts'
import { isTemplateError, pieces, resolve } from '../core/templates.ts'
import { ownExpectation } from '../core/verbs.ts'
import type { Place } from '../lib/far-folders.ts'
import { placeOfStep, scrubOutside } from './leftovers.ts'
import { processEnvironment } from './process-environment.ts'
import { attemptFolder, type Bound } from './runtime.ts'

/** Who acts, and what may be different for it. */
export interface Role {
  kind: 'do' | 'verify' | 'undo'
  /** Left out for checks that belong to no step. */
  step?: Step
  run: string
  attempt: number
  /** Which of a step's list of undos it is, from 0. */
  part?: number
  /** Names the folder within the step's: `do-1`, `undo-1-0`, `verify-0`. */
  folder: string
  epoch: number
  scope: Scope
  interrupt: AbortSignal
  /** The intent made durable; for a check there is none. */
  gate: (process?: ProcessIdentity) => Promise<void>
  output: (text: string) => void
  /** After the last output: what was kept back to hide secrets can be shown. */
  outputEnds: () => void
  ask: ActionContext['ask']
}

/** An outcome with its judgement. `answer` is about the expectation, `reason` says why in words. */
export interface Judged {
  outcome: Outcome
  answer: Answer
  expression?: string
  at?: string
  values?: Record<string, unknown>
  reason?: string
  /** A value that a template needed was never recorded. */
  missing?: string
  /** What broke a soak. */
  breach?: Breach
  duration_ms: number
}

function verbOf(action: Action): Verb {
  if (action.verb === 'soak') throw failure(EXIT.fault, 'a soak is watched, not performed')
  return verbs[action.verb] as unknown as Verb
}

/** Whether a dead tool's attempt leaves a receipt behind. */
export function leavesReceipt(action: Action): boolean {
  return verbOf(action).recover !== undefined
}

/** What is taken to have come of one whose end nobody recorded, where neither a repetition nor a person helps. */
export function lostOutcome(action: Action): Outcome | undefined {
  return verbOf(action).lost
}

/** Does it, and judges what came of it. Errors of the journal (the gate) are thrown on. */
export async function perform(bound: Bound, attempt: Attempt, role: Role): Promise<Judged> {
  return judged(bound, attempt, role, (context) =>
    verbOf(attempt.action).perform(attempt.action, context),
  )
}

/**
 * Finds out what became of an attempt whose tool died; waits for one that still runs. `wrapper`: who
 * stood at the gate. It took as long as its receipt says, else from its intent (`began_at`) until now.
 */
export async function recover(
  bound: Bound,
  attempt: Attempt,
  role: Role,
  running: (process: ProcessIdentity) => void,
  wrapper: ProcessIdentity | undefined,
  began_at: string | undefined,
): Promise<Exclude<Recovery, { state: 'ended' }> | { state: 'ended'; judged: Judged }> {
  const verb = verbOf(attempt.action)
  const seen: { found: Recovery } = { found: { state: 'unknown' } }
  if (wrapper === undefined) return { state: 'unknown' }
  const result = await judged(bound, attempt, role, async (context) => {
    seen.found = (await verb.recover?.(attempt.action, context, running, wrapper)) ?? seen.found
    return seen.found.state === 'ended' ? seen.found.outcome : { fields: {} }
  })
  const { found } = seen
  if (found.state !== 'ended') return found
  const duration_ms = found.duration_ms ?? msSince(began_at)
  return { state: found.state, judged: { ...result, duration_ms } }
}

/** Milliseconds since a time of the journal; 0 where there is none, or the clock was set back. */
export function msSince(at: string | undefined): number {
  return Math.max(0, Date.now() - Date.parse(at ?? '')) || 0
}

async function judged(
  bound: Bound,
  attempt: Attempt,
  role: Role,
  act: (context: ActionContext) => Promise<Outcome>,
): Promise<Judged> {
  const began = performance.now()
  const since = () => Math.round(performance.now() - began)
  let outcome: Outcome
  try {
    outcome = await act(contextFor(bound, attempt, role))
    noteSecrets(bound, role, outcome)
  } catch (error) {
    if (isTemplateError(error)) {
      const reason = `${error.expression}: ${error.message}`
      return {
        outcome: { fields: {} },
        answer: 'cannot_tell',
        reason,
        missing: error.expression,
        duration_ms: since(),
      }
    }
    throw error
  } finally {
    role.outputEnds()
    // Of what belongs to no run nobody comes back for the rest.
    scrubOutside(bound, role)
  }
  return {
    outcome,
    ...judgeOutcome(attempt, outcome, role.scope, (text) => bound.masker.mask(text)),
    duration_ms: since(),
  }
}

/** A secret that was made just now is known before anything of the result is shown, also of a failure. */
function noteSecrets(bound: Bound, { kind, step, scope }: Role, { fields }: Outcome): void {
  if (step === undefined || kind !== (step.act === undefined ? 'verify' : 'do')) return
  for (const [name, { value, secret }] of Object.entries(step.outputs)) {
    const found = secret ? evaluate(value.source, { ...scope, ...fields }) : undefined
    if (found?.ok === true) bound.masker.add(name, secretText(found.value))
  }
}

/** A secret that is no text is hidden as its JSON. */
export function secretText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function judgeOutcome(
  attempt: Attempt,
  outcome: Outcome,
  scope: Scope,
  mask: (text: string) => string,
): Pick<Judged, 'answer' | 'expression' | 'at' | 'values' | 'reason'> {
  if (outcome.problem !== undefined) {
    const { kind, message } = outcome.problem
    return {
      answer: kind === 'failed' ? 'does_not_hold' : 'cannot_tell',
      reason: message,
      at: attempt.at,
    }
  }
  const expect = attempt.expect.length > 0 ? attempt.expect : ownExpectation(attempt)
  // Masked before values are cut: half a secret would be a secret still.
  return judge(expect, { ...scope, ...outcome.fields }, mask)
}

/** Where `run` does it, when that is on another machine. */
function placeOf(
  attempt: Attempt,
  role: Role,
  text: (template: string) => string,
): Place | undefined {
  const { step } = role
  if (step === undefined || !runsElsewhere(step, attempt.action)) return undefined
  // A question may be asked by several at once, who know nothing of each other.
  const own = role.kind === 'verify' ? `-${randomBytes(4).toString('hex')}` : ''
  return {
    destination: text(String(step.on?.host.facts.ssh)),
    folder: `${placeOfStep(role.run, step.id)}/${role.folder}${own}`,
  }
}

function aboutOf({ plan }: Bound, { run, step, scope }: Role): About {
  const { status } = (scope.run ?? {}) as { status?: unknown }
  return {
    run,
    runbook: plan.runbook,
    environment: plan.environment.name,
    status: typeof status === 'string' ? status : '',
    step: step?.id ?? '',
  }
}

function contextFor(bound: Bound, attempt: Attempt, role: Role): ActionContext {
  const { scope } = role
  const text = (template: string): string => {
    const value = resolve(template, scope)
    return typeof value === 'string' ? value : JSON.stringify(value)
  }
  const { plan, root } = bound
  // Not joined: ".." after a symbolic link leads out of where the link leads to.
  const under = (path: string): string => (isAbsolute(path) ? path : `${root}/${path}`)
  const host = scope.host as Record<string, unknown>
  const folder = attemptFolder(bound, role.run, role.step?.id ?? 'checks', role.folder)
  const place = placeOf(attempt, role, text)
  // Nothing of this machine's environment goes to another one.
  const env = processEnvironment(bound, { ...role, host }, place === undefined ? process.env : {})
  if (place !== undefined) delete env.PATH
  for (const [name, value] of Object.entries(attempt.env)) env[name] = text(value)
  return {
    root,
    cwd:
      place === undefined
        ? under(text(attempt.cwd ?? plan.environment.cwd ?? '.'))
        : text(attempt.cwd ?? ''),
    ...(place !== undefined && { place }),
    env,
    timeout_ms: milliseconds(text(attempt.timeout)),
    interrupt: role.interrupt,
    recoverable: role.kind !== 'verify',
    folder,
    resolve: (value) => resolve(value, scope),
    pieces: (template) => pieces(template, scope),
    file: (path) => {
      const content = plan.files[path]
      if (content === undefined)
        throw failure(EXIT.fault, `the plan does not hold the file ${path}`)
      return content
    },
    gate: role.gate,
    output: (chunk) => {
      role.output(chunk)
    },
    ask: role.ask,
    about: aboutOf(bound, role),
    channel: (name) => plan.environment.channels?.[name],
    mask: (value) => bound.masker.mask(value),
  }
}
