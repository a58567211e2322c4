/** From a file that fits the schema to the core's runbook: names resolved, defaults filled in. */
import { parseDuration } from '../core/durations.ts'
import type { Effect, Input, OnFailure, Phase, Rollback, Runbook, Step } from '../core/runbook.ts'
import { actionOf, attemptOf, verbOf } from './attempts.ts'
import { environmentOf } from './environments.ts'
import { blame, defined, each, expressionAt, readable, type Reading } from './reading.ts'
import { checksOf, undoOf } from './roles.ts'
import { duringOf, soakCheck, verifyOf } from './soaks.ts'
import type { InputFile, RunbookFile, StepFile } from './schema.ts'
import { keyOffset, placeText, valueOffset, type Way } from './tree.ts'

/**
 * Makes the runbook. Problems go to `reading`; what could not be made is left out of the result, so
 * a runbook with problems must not be run. The content of files is not read here.
 */
export function runbookOf(reading: Reading, file: RunbookFile): Runbook {
  const { document } = reading
  const failing: Record<string, OnFailure> = {}
  const settle = (step: Step, ...said: (OnFailure | undefined)[]): Step => {
    const nearest = said.find((one) => one !== undefined)
    if (nearest !== undefined) failing[step.id] = nearest
    return step
  }
  const steps = file.phases.flatMap((phase, p) =>
    phase.steps.map((step, s) =>
      settle(
        stepOf(reading, step, phase.id, ['phases', p, 'steps', s]),
        step.on_failure,
        phase.on_failure,
        file.on_failure,
      ),
    ),
  )
  const last = (file.finally ?? []).map((step, s) =>
    settle(stepOf(reading, step, 'finally', ['finally', s]), step.on_failure, file.on_failure),
  )
  const { runbook, title, version, contacts = [] } = file
  return {
    runbook,
    title,
    version,
    file: document.file,
    inputs: mapValues(file.inputs ?? {}, (input, name) =>
      inputOf(reading, input, ['inputs', name]),
    ),
    environments: mapValues(file.environments, (environment, name) =>
      environmentOf(reading, environment, name, ['environments', name]),
    ),
    requires: checksOf(reading, file.requires, ['requires']),
    scopes: mapValues(file.rollback_scopes ?? {}, (scope) => ({ with: [], ...defined(scope) })),
    contacts,
    phases: file.phases.map((phase, p) => phaseOf(reading, phase, ['phases', p])),
    steps,
    finally: last,
    on_failure: failing,
    files: {},
  }
}

function mapValues<A, B>(
  given: Record<string, A>,
  change: (value: A, name: string) => B,
): Record<string, B> {
  return Object.fromEntries(
    Object.entries(given).map(([name, value]) => [name, change(value, name)]),
  )
}

function inputOf({ document }: Reading, file: InputFile, way: Way): Input {
  const { type = 'string', secret = false, refs = [], pattern, min_length, title } = file
  return {
    type,
    secret,
    refs,
    at: placeText(document, keyOffset(document, way)),
    ...defined({ default: file.default, pattern, min_length, title }),
    ...defined({ enum: file.enum }),
  }
}

function phaseOf(reading: Reading, file: RunbookFile['phases'][number], way: Way): Phase {
  const { id, title = readable(id), owner, concurrent = 1, steps } = file
  const estimate_s = secondsOf(reading, file.estimate, [...way, 'estimate'])
  return {
    id,
    title,
    concurrent,
    steps: steps.map((step) => step.id),
    ...defined({ owner, estimate_s }),
  }
}

function secondsOf(reading: Reading, text: string | undefined, way: Way): number | undefined {
  if (text === undefined) return undefined
  const ms = parseDuration(text)
  if (ms === undefined) {
    blame(reading, way, { message: `"${text}" is not a duration`, hint: 'write 30s, 45m or 1h30m' })
    return undefined
  }
  return ms / 1000
}

function stepOf(reading: Reading, file: StepFile, phase: string, way: Way): Step {
  const { document } = reading
  const verb = verbOf(reading, file, way)
  // A soak is a check by nature: a step that does nothing else is a pure check.
  const action = verb && verb !== 'soak' ? actionOf(reading, file, verb, way) : undefined
  const act = action && attemptOf(reading, file, action, way, 'do')
  // A pure check only reads, and so do the steps that say so.
  const effect: Effect = act === undefined || verb === 'notify' ? 'none' : (file.effect ?? 'once')
  const { id, title = readable(id), owner, refs = [], secrets = [] } = file
  return {
    id,
    title,
    phase,
    effect,
    verify: verb === 'soak' ? [soakCheck(reading, file, way)] : verifyOf(reading, file, way),
    rollback: rollbackOf(reading, file, phase === 'finally' ? 'none' : effect, way),
    skip_if_verified: file.skip_if_verified ?? false,
    requires: checksOf(reading, file.requires, [...way, 'requires']),
    on_failure: 'stop',
    secrets,
    outputs: mapValues(file.outputs ?? {}, (output, name) => {
      const here: Way = [...way, 'outputs', name]
      if (typeof output === 'string') {
        return { value: expressionAt(reading, here, output), secret: false }
      }
      const { value, secret = false } = output
      return { value: expressionAt(reading, [...here, 'value'], value), secret }
    }),
    scope: each(file.scope, way).map(({ item }) => item),
    hints: (file.hints ?? []).map(({ when, say }, i) => ({
      when: expressionAt(reading, [...way, 'hints', i, 'when'], when),
      say,
    })),
    refs,
    at: placeText(document, valueOffset(document, way)),
    ...defined({
      hosts: file.hosts === undefined ? undefined : { group: file.hosts, batch: file.batch ?? 1 },
      act,
      after: file.after && {
        ...file.after,
        at: placeText(document, keyOffset(document, [...way, 'after'])),
      },
      approval: file.approval,
      owner,
      when:
        file.when === undefined ? undefined : expressionAt(reading, [...way, 'when'], file.when),
      estimate_s: secondsOf(reading, file.estimate, [...way, 'estimate']),
      during: file.during && duringOf(reading, file.during, [...way, 'during']),
    }),
  }
}

function rollbackOf(reading: Reading, file: StepFile, effect: Effect, way: Way): Rollback {
  if (effect === 'none') return { kind: 'none' }
  const { rollback, irreversible } = file
  const listed = rollback === 'keep' ? [] : each(rollback, [...way, 'rollback'])
  const made = (resort: boolean) =>
    listed
      .filter(({ item }) => (item.last_resort === true) === resort)
      .flatMap(({ item, way: at }) => undoOf(reading, item, at) ?? [])
  const [undos, last] = [made(false), made(true)]
  const more = last.length === 0 ? {} : { last_resort: last }
  if (irreversible !== undefined) return { kind: 'irreversible', why: irreversible, ...more }
  return listed.length === 0 ? { kind: 'keep' } : { kind: 'undo', undos, ...more }
}
