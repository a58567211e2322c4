/** Rules for what waits: timers, approvals, and environments that come after another. */
import { didYouMean } from '../core/problems.ts'
import { expressionsOf } from '../core/references.ts'
import { references } from '../core/expressions.ts'
import { lintDuration, type Lint, type View } from './lint-texts.ts'
import type { StepContext } from './lint-steps.ts'
import { blame, blameKey } from './reading.ts'
import type { EnvironmentFile, RunbookFile } from './schema.ts'
import type { Way } from './tree.ts'

/** A step's timer, and whose word it wants. `view` is what it may see before it starts. */
export function lintWaits(lint: Lint, context: StepContext, view: View): void {
  const { reading } = lint
  const { file, way, isLast } = context
  if (isLast) {
    for (const key of ['after', 'approval'] as const) {
      if (file[key] === undefined) continue
      const message = 'what stands in finally waits for nothing: it is part of the end'
      blameKey(reading, [...way, key], { message, hint: 'remove it' })
    }
    return
  }
  if (file.after !== undefined) {
    lintAfter(lint, context, file.after.step)
    lintDuration(lint, [...way, 'after', 'at_least'], file.after.at_least, view)
  }
  lintApproval(lint, context)
}

function lintAfter({ reading, runbook }: Lint, context: StepContext, other: string): void {
  const { step, way, isEarlier, together } = context
  const here: Way = [...way, 'after', 'step']
  const say = (message: string, hint?: string) => blame(reading, here, { message, hint })
  const first = 'name a step that is over before this one starts'
  if (other === step.id) say('a step cannot wait for its own end', first)
  else if (!runbook.steps.some(({ id }) => id === other)) {
    const known = runbook.steps.map(({ id }) => id).filter((id) => isEarlier(id))
    say(`there is no step "${other}"`, didYouMean(other, known) ?? first)
  } else if (together.has(other)) say(`step ${other} runs at the same time as this one`, first)
  else if (!isEarlier(other)) say(`step ${other} comes later than this one`, first)
}

function lintApproval({ reading, runbook }: Lint, { step, file, way }: StepContext): void {
  const roles = file.approval ?? []
  for (const [i, role] of roles.entries()) {
    const at: Way = [...way, 'approval', i]
    if (roles.indexOf(role) < i)
      blame(reading, at, { message: `${role} signs once`, hint: 'remove one of the two' })
    else if (step.act?.action.verb === 'manual' && step.act.action.role === role)
      blame(reading, at, {
        message: `${role} answers this step itself, and need not approve of that`,
        hint: 'remove the approval, or name another role',
      })
  }
  const guarded = Object.values(runbook.environments).find((one) => one.protected)
  if (file.irreversible === undefined || roles.length > 0 || guarded === undefined) return
  blameKey(reading, [...way, 'irreversible'], {
    message: `nobody has to approve of step ${step.id}, which cannot be undone, and ${guarded.name} is protected`,
    hint: 'add approval: with the roles that must sign first, such as approval: [dba]',
  })
}

/** What an environment wants proven by another one. */
export function lintBuildsOn(
  lint: Lint,
  name: string,
  environments: RunbookFile['environments'],
  view: View,
): void {
  const { reading, runbook } = lint
  const after = environments[name]?.after
  if (after === undefined) return
  const way: Way = ['environments', name, 'after']
  const at: Way = [...way, 'environment']
  const names = Object.keys(environments).filter((other) => other !== name)
  if (after.environment === name)
    blame(reading, at, { message: `${name} cannot come after itself`, hint: 'name another one' })
  else if (!names.includes(after.environment)) {
    const message = `there is no environment "${after.environment}"`
    blame(reading, at, { message, hint: didYouMean(after.environment, names) })
  } else if (name <= after.environment && comesBack(environments, after.environment, name)) {
    const message = `${name} and ${after.environment} each come after the other`
    blame(reading, at, { message, hint: 'one of them must be deployed first' })
  }
  lintDuration(lint, [...way, 'at_least'], after.at_least, view)
  lintEarly(lint, [...way, 'at_least'], after.at_least)
  for (const [i, input] of (after.same ?? []).entries()) {
    const here: Way = [...way, 'same', i]
    if (runbook.inputs[input] === undefined) {
      const hint = didYouMean(input, Object.keys(runbook.inputs))
      blame(reading, here, { message: `there is no input "${input}"`, hint })
      continue
    }
    for (const place of [name, after.environment])
      if (isItsOwn(environments[place], input))
        blame(reading, here, {
          message: `${input} is made anew in ${place}, so it is the same nowhere else`,
          hint: 'name inputs that say what is deployed, such as a commit',
        })
  }
}

function comesBack(
  environments: RunbookFile['environments'],
  from: string,
  to: string,
  seen: ReadonlySet<string> = new Set(),
): boolean {
  const next = environments[from]?.after?.environment
  if (from === to) return true
  return (
    next !== undefined &&
    !seen.has(from) &&
    comesBack(environments, next, to, new Set([...seen, from]))
  )
}

/** It is looked at before anything runs. */
function lintEarly({ reading }: Lint, way: Way, at_least: string | undefined): void {
  const late = ofServices(at_least)
  if (late === undefined) return
  const message = `${late} is not known yet: nothing runs while this is asked`
  blame(reading, way, { message, hint: 'write it out, or take an input' })
}

function isItsOwn(environment: EnvironmentFile | undefined, input: string): boolean {
  const given = environment?.inputs?.[input]
  if (typeof given === 'object') return given.random !== undefined
  return ofServices(given) !== undefined
}

/** The first thing of a service that a text names: it is there only while services run. */
function ofServices(given: unknown): string | undefined {
  return expressionsOf(given)
    .flatMap(references)
    .find((path) => path.startsWith('services'))
}
