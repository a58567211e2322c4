/** Pages about what is written down: a runbook, a named check. */
import { formatDuration } from '../core/durations.ts'
import { actionInShort, rollbackInShort } from '../core/in-short.ts'
import { lastResorts } from '../core/last-resort.ts'
import type { Environment, Input, Phase, Runbook, Step } from '../core/runbook.ts'
import { cleanLine } from '../lib/clean.ts'
import type { Look } from '../lib/terminal.ts'
import type { Whence } from '../engine/whence.ts'
import { withoutCredentials } from './words.ts'
import { cell, columns, page, type Page } from './page.ts'
import { plural } from './words.ts'

/** Where the inputs come from in one environment. */
export interface There {
  environment: string
  inputs: readonly Whence[]
}

/** `runbook show <name>`. */
export function showText(runbook: Runbook, look: Look, there?: There): string {
  const out = page(look)
  const { bold, dim } = look.colours
  out.heading(`${runbook.runbook} ${runbook.version}: ${runbook.title}`)
  const size = `${plural(runbook.phases.length, 'phase')}, ${plural(runbook.steps.length, 'step')}`
  out.line(dim(cleanLine(`${runbook.file}, ${size}`, look)))
  section(out, look, 'Inputs', Object.entries(runbook.inputs).map(inputRow(look)))
  if (there !== undefined) whenceLines(out, look, there)
  section(out, look, 'Environments', Object.values(runbook.environments).map(environmentRow(look)))
  section(
    out,
    look,
    'Requires',
    runbook.requires.map((check) => [cell(check.title, look)]),
  )
  const steps = new Map(runbook.steps.map((step) => [step.id, step]))
  for (const phase of runbook.phases) {
    out.line()
    out.line(bold(phaseTitle(phase, look)))
    for (const id of phase.steps) stepLines(out, steps.get(id), look)
  }
  if (runbook.finally.length > 0) {
    out.line()
    out.line(bold('Finally'))
    for (const step of runbook.finally) stepLines(out, step, look)
  }
  const scopes = Object.entries(runbook.scopes).map(([name, { title: text, with: others }]) => {
    const more = others.length > 0 ? ` (with ${others.join(', ')})` : ''
    return [cell(name, look), cell(text + more, look)]
  })
  section(out, look, 'Rollback scopes', scopes)
  const contacts = runbook.contacts.map(({ role, reach }) => [cell(role, look), cell(reach, look)])
  section(out, look, 'Contacts', contacts)
  return out.text()
}

function section(out: Page, look: Look, title: string, rows: readonly string[][]): void {
  if (rows.length === 0) return
  out.line()
  out.line(look.colours.bold(title))
  for (const line of columns(rows, look, 2)) out.line(line)
}

function inputRow(look: Look) {
  return ([name, input]: [string, Input]): string[] => [
    cell(name, look),
    input.secret ? 'secret' : input.type,
    cell(inputWords(input), look),
  ]
}

function whenceLines(out: Page, look: Look, { environment, inputs }: There): void {
  const rows = inputs.map(({ input, secret, type, from, value, missing }) => {
    const bare = typeof value === 'string' ? withoutCredentials(value) : value
    return [
      cell(input, look),
      secret ? 'secret' : type,
      cell(value === undefined ? from : `${from}: ${JSON.stringify(bare)}`, look),
      missing === undefined ? '' : look.colours.red('missing'),
    ]
  })
  section(out, look, `Inputs in ${environment}`, rows)
  if (inputs.some(({ missing }) => missing !== undefined))
    out.line(
      `  ${look.colours.dim('export the variable, put the file there, or add --var name=value')}`,
    )
}

function inputWords(input: Input): string {
  const words: string[] = []
  if (input.title !== undefined) words.push(input.title)
  if (input.default === undefined) words.push('required')
  else if (!input.secret) words.push(`default ${JSON.stringify(input.default)}`)
  if (input.enum !== undefined) words.push(`one of ${input.enum.map(String).join(', ')}`)
  if (input.pattern !== undefined) words.push(`matches ${input.pattern}`)
  if (input.min_length !== undefined) words.push(`at least ${input.min_length} characters`)
  return words.join('; ')
}

function environmentRow(look: Look) {
  return (environment: Environment): string[] => {
    const { name, protected: guarded, services, on_failure, after, channels = {} } = environment
    const words = [
      guarded ? 'protected' : '',
      after === undefined ? '' : `after ${after.environment}`,
      Object.keys(services).length > 0 ? `services: ${Object.keys(services).join(', ')}` : '',
      on_failure === undefined ? '' : `on failure: ${on_failure}`,
      Object.keys(channels).length > 0 ? `channels: ${Object.keys(channels).join(', ')}` : '',
    ]
    return [cell(name, look), cell(words.filter((word) => word !== '').join('; '), look)]
  }
}

function phaseTitle({ title, owner, estimate_s, concurrent }: Phase, look: Look): string {
  const words = [
    title,
    owner === undefined ? '' : `(${owner})`,
    estimate_s === undefined ? '' : `~${formatDuration(estimate_s * 1000)}`,
    concurrent > 1 ? `${concurrent} at a time` : '',
  ]
  return cleanLine(words.filter((word) => word !== '').join('  '), look)
}

function stepLines(out: Page, step: Step | undefined, look: Look): void {
  if (step === undefined) return
  const { cyan, dim } = look.colours
  const title = step.title === step.id ? '' : cleanLine(step.title, look)
  const refs = step.refs.length > 0 ? dim(cleanLine(`[${step.refs.join(', ')}]`, look)) : ''
  out.line(`  ${[cyan(step.id), title, refs].filter((part) => part !== '').join('  ')}`)
  if (step.when !== undefined) out.field('  when', step.when.source)
  if (step.hosts !== undefined)
    out.field('  hosts', `${step.hosts.group}, ${step.hosts.batch} at a time`)
  if (step.after !== undefined)
    out.field('  waits', `${step.after.at_least} after ${step.after.step}`)
  if (step.approval !== undefined) out.field('  approval', step.approval.join(', '))
  if (step.act !== undefined) out.field('  does', actionInShort(step.act.action))
  for (const check of step.verify) out.field('  verify', check.title)
  if (step.during !== undefined) out.field('  during', step.during.title)
  if (step.rollback.kind === 'irreversible') out.field('  no undo', step.rollback.why)
  else if (step.rollback.kind === 'keep') out.field('  undo', 'nothing, on purpose')
  else if (step.rollback.kind === 'undo')
    for (const undo of rollbackInShort(step.rollback)) out.field('  undo', undo)
  for (const { action } of lastResorts(step))
    out.field('  by name', `${actionInShort(action)} (last resort)`)
  if (step.scope.length > 0) out.field('  scope', step.scope.join(', '))
}

interface CheckParameter {
  name: string
  type: string
  secret: boolean
  /** Left out: it must be given. */
  default?: unknown
  /** The values that are allowed. */
  enum?: readonly unknown[]
  title?: string
}

export interface CheckManual {
  name: string
  title: string
  description?: string
  /** Where it is written. */
  file: string
  params: CheckParameter[]
  /** Values for its parameters that make sense. */
  example?: Record<string, unknown>
  /** What it does, in short. */
  action: string
  /** The expressions that must be true. */
  expect: string[]
  /** What makes that neither a yes nor a no can be said. */
  cannot_tell?: string
}

/** `runbook checks <name>`: the manual page of one check. */
export function checkPage(check: CheckManual, look: Look): string {
  const out = page(look)
  out.heading(`${check.name}: ${check.title}`)
  out.line()
  if (check.description !== undefined) out.field('', check.description)
  if (check.cannot_tell !== undefined) out.field('', `Cannot tell: ${check.cannot_tell}`)
  if (check.description !== undefined || check.cannot_tell !== undefined) out.line()
  out.field('does', check.action)
  for (const [i, text] of check.expect.entries()) out.field(i === 0 ? 'expects' : '', text)
  out.field('file', check.file)
  const rows = check.params.map(({ name, type, secret, ...rest }) => [
    cell(name, look),
    secret ? `${type}, secret` : type,
    rest.default === undefined ? 'required' : cell(`default ${JSON.stringify(rest.default)}`, look),
    cell(parameterWords(rest), look),
  ])
  section(out, look, 'Parameters', rows)
  out.line()
  out.line(look.colours.bold('Example'))
  const given = Object.entries(check.example ?? {})
  out.line('  verify:')
  out.line(`    check: ${cleanLine(check.name, look)}`)
  if (given.length > 0) out.line('    with:')
  for (const [name, value] of given)
    out.line(`      ${cleanLine(`${name}: ${JSON.stringify(value)}`, look)}`)
  return out.text()
}

function parameterWords({
  title = '',
  enum: choices,
}: Pick<CheckParameter, 'title' | 'enum'>): string {
  const allowed = choices === undefined ? '' : `one of ${choices.map(String).join(', ')}`
  return [title, allowed].filter((text) => text !== '').join('; ')
}
