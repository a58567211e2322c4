/** Rules for steps: what must be proven, what must be undone, what may be read when. */
import { didYouMean } from '../core/problems.ts'
import type { Step } from '../core/runbook.ts'
import { lintAction } from './lint-actions.ts'
import { lintNotify } from './lint-channels.ts'
import { lintCheck, lintChecks } from './lint-checks.ts'
import { lintStepHosts } from './lint-hosts.ts'
import { lintCovers, lintLastResorts } from './lint-last-resorts.ts'
import { lintSoak, lintSoakShape } from './lint-soaks.ts'
import { lintWaits } from './lint-waits.ts'
import { lintConditions, lintExpression, type Lint, type View } from './lint-texts.ts'
import { blame, blameKey, each } from './reading.ts'
import type { StepFile } from './schema.ts'
import type { Way } from './tree.ts'
import { hintSight, resultSight, type Sight } from './variables.ts'
import type { Fields } from '../core/expression-types.ts'
import { verbIn } from '../core/verbs.ts'

export interface StepContext {
  step: Step
  file: StepFile
  way: Way
  /** Tells the steps that are done before this one starts. */
  isEarlier: (step: string) => boolean
  /** Steps that run at the same time. */
  together: ReadonlySet<string>
  variables: (sight: Sight) => Fields
  isLast: boolean
}

/** Checks one step, everything in it included. */
export function lintStep(lint: Lint, context: StepContext): void {
  if (context.file.notify === undefined) lintShape(lint, context)
  else lintNotify(lint, context.way, context.file)
  lintNames(lint, context)
  const { step, file, way, isEarlier, together, variables } = context
  const late = together.size > 1 ? 'it comes later, or runs at the same time' : 'it comes later'
  const host = step.hosts === undefined ? {} : { host: step.hosts.group }
  const before: View = { variables: variables({}), isEarlier, late, self: step.id, ...host }
  const withOwn: View = {
    variables: variables({}),
    ...host,
    isEarlier: (id) => id === step.id || isEarlier(id),
    late,
  }
  const { secrets } = step
  lintWaits(lint, context, before)
  lintConditions(lint, [...way, 'when'], file.when, before)
  lintChecks(lint, [...way, 'requires'], file.requires, before, variables, secrets)
  const after: View = { ...before, variables: variables(resultSight(step)) }
  const soaking = { variables, secrets }
  if (file.soak === undefined) lintAction(lint, way, file, before, after, secrets)
  else lintSoak(lint, way, file, before, soaking)
  if (file.during !== undefined) lintSoak(lint, [...way, 'during'], file.during, before, soaking)
  for (const { item, way: at } of each(file.verify, [...way, 'verify'])) {
    if (item.soak === undefined) lintCheck(lint, at, item, withOwn, variables, secrets)
    else lintSoak(lint, at, item, withOwn, soaking)
  }
  for (const [name, output] of Object.entries(file.outputs ?? {})) {
    const at: Way = [...way, 'outputs', name]
    if (typeof output === 'string') lintExpression(lint, at, output, after)
    else lintExpression(lint, [...at, 'value'], output.value, after)
  }
  const failed: View = { ...before, variables: variables(hintSight(step)) }
  for (const [i, hint] of (file.hints ?? []).entries()) {
    lintConditions(lint, [...way, 'hints', i, 'when'], hint.when, failed)
  }
  lintUndos(lint, context, withOwn)
}

function lintUndos(lint: Lint, context: StepContext, view: View): void {
  const { step, file, way, variables } = context
  if (file.rollback === undefined || file.rollback === 'keep') return
  const undoing: View = { ...view, undoing: step.id }
  for (const { item, way: at } of each(file.rollback, [...way, 'rollback'])) {
    const verb = verbIn(item)
    const after: View = { ...undoing, variables: variables(verb === undefined ? {} : { verb }) }
    lintAction(lint, at, item, undoing, after, step.secrets)
    const { verify } = item
    if (verify === 'inverse') continue
    lintChecks(lint, [...at, 'verify'], verify, undoing, variables, step.secrets)
  }
}

/** What a step needs by its effect, and what makes no sense beside what. */
function lintShape({ reading }: Lint, { step, file, way, isLast }: StepContext): void {
  const { act, effect } = step
  const key = (name: string): Way => [...way, name]
  const says = (name: string, message: string, hint?: string): void =>
    blameKey(reading, key(name), { message, hint })
  if (file.verify === undefined && verbIn(file) === undefined) {
    blame(reading, way, {
      message: `step ${step.id} does nothing`,
      hint: 'give it an action, or a verify',
    })
    return
  }
  lintSoakShape(reading, way, file, isLast)
  const undone = file.rollback !== undefined || file.irreversible !== undefined
  const pure = act === undefined && verbIn(file) === undefined
  if (pure) {
    for (const name of [
      'effect',
      'skip_if_verified',
      'expect',
      'retry',
      'timeout',
      'env',
      'cwd',
    ] as const) {
      if (file[name] === undefined) continue
      says(name, `"${name}" belongs to an action, and this step has only a check`, moveHint(name))
    }
    if (file.outputs !== undefined && step.verify.length > 1) {
      says(
        'outputs',
        'outputs are parts of one result, and this step has several checks',
        'make a step of the check that they come from',
      )
    }
  }
  if (isLast && undone) {
    says(
      file.rollback === undefined ? 'irreversible' : 'rollback',
      'what stands in finally is never undone',
      'remove it',
    )
    return
  }
  if (effect === 'none') {
    if (!undone) return
    const why =
      act === undefined
        ? 'a step with only a check changes nothing'
        : 'effect: none says that nothing is changed'
    says(
      file.rollback === undefined ? 'irreversible' : 'rollback',
      `${why}, so there is nothing to undo`,
      'remove it',
    )
    return
  }
  if (file.retry?.attempts !== undefined && effect === 'once') {
    says(
      'retry',
      'an action that is run once cannot be retried',
      'write effect: idempotent if it may safely be run again',
    )
  }
  if (isLast) return
  if (file.verify === undefined) {
    blame(reading, way, {
      message: `nothing proves that step ${step.id} worked: "verify" is missing`,
      hint: 'add verify: with a check, or effect: none if the step only reads',
    })
  }
  if (!undone) {
    blame(reading, way, {
      message: `nothing says how step ${step.id} is undone: "rollback" is missing`,
      hint: 'add rollback:, or rollback: keep, or irreversible: why, or effect: none if the step only reads',
    })
  } else lintLastResorts(reading, { step, file, way })
}

function moveHint(name: string): string {
  if (name === 'effect' || name === 'skip_if_verified') return 'remove it'
  return `put ${name} into the check, beside its verb`
}

function lintNames(lint: Lint, { step, file, way }: StepContext): void {
  const { reading, runbook } = lint
  lintStepHosts(lint, way, file)
  for (const [i, name] of step.secrets.entries()) {
    const input = runbook.inputs[name]
    const at: Way = [...way, 'secrets', i]
    if (input === undefined) {
      const secrets = Object.keys(runbook.inputs).filter((n) => runbook.inputs[n]?.secret === true)
      blame(reading, at, {
        message: `there is no secret input "${name}"`,
        hint: didYouMean(name, secrets),
      })
    } else if (!input.secret) {
      const hint = `remove it, or write ${name}: { secret: true } under inputs:`
      blame(reading, at, { message: `the input ${name} is no secret: every step sees it`, hint })
    }
  }
  const scopes = Object.keys(runbook.scopes)
  for (const { item, way: at } of each(file.scope, [...way, 'scope'])) {
    if (scopes.includes(item)) continue
    const hint = didYouMean(item, scopes) ?? 'declare it under rollback_scopes:'
    blame(reading, at, { message: `there is no scope "${item}"`, hint })
  }
  lintCovers(reading, runbook, { step, file, way })
  for (const name of Object.keys(file.outputs ?? {})) {
    if (!['in', 'true', 'false', 'null'].includes(name)) continue
    const message = `"${name}" means something else in expressions`
    blameKey(reading, [...way, 'outputs', name], { message, hint: 'choose another name' })
  }
}
