/** All rules over one runbook that fits the schema and has been resolved. */
import { pathText } from '../core/expression-paths.ts'
import type { Runbook, Step } from '../core/runbook.ts'
import { lintChannels } from './lint-channels.ts'
import { lintCheckFile, lintChecks } from './lint-checks.ts'
import { lintHosts } from './lint-hosts.ts'
import { lintHead } from './lint-inputs.ts'
import { lintStep } from './lint-steps.ts'
import { lintBuildsOn } from './lint-waits.ts'
import { lintTemplates, lintUnfilled, type Lint, type View } from './lint-texts.ts'
import type { Reading } from './reading.ts'
import type { RunbookFile } from './schema.ts'
import type { Way } from './tree.ts'
import { hostsIn, variablesOf, type Sight } from './variables.ts'
import type { Fields } from '../core/expression-types.ts'

/** Adds everything that is wrong or doubtful to the problems of the reading. */
export function lint(reading: Reading, file: RunbookFile, runbook: Runbook): void {
  const carried: Lint = { reading, runbook, filled: new Set(), secrets: secretPaths(runbook) }
  const variables = remembered(variablesOf(runbook))
  lintHead(carried, file)
  lintEnvironments(carried, file, variables)
  const outside: View = { variables: variables({ steps: false }) }
  lintChecks(carried, ['requires'], file.requires, outside, variables, Object.keys(runbook.inputs))
  lintPhases(carried, file, variables)
  for (const name of usedChecks(file)) {
    const { check: known, faults = [] } = reading.library.read(name) ?? {}
    if (known !== undefined && faults.length === 0) lintCheckFile(carried, known, variables)
  }
  lintUnfilled(carried, reading.document.root, [])
}

/** The same variables for the same sight: they are the same for hundreds of expressions. */
function remembered(make: (sight: Sight) => Fields): (sight: Sight) => Fields {
  const known = new Map<string, Fields>()
  return (sight) => {
    const key = JSON.stringify(sight)
    const fields = known.get(key) ?? make(sight)
    known.set(key, fields)
    return fields
  }
}

/** In everything of a step on hosts there is `host`. */
function onHosts(variables: (sight: Sight) => Fields, { hosts }: Step): typeof variables {
  if (hosts === undefined) return variables
  return (sight) => variables({ ...sight, host: hosts.group })
}

function secretPaths(runbook: Runbook): Set<string> {
  const { inputs, steps, finally: last } = runbook
  const paths = Object.entries(inputs).flatMap(([name, { secret }]) =>
    secret ? [`inputs.${name}`] : [],
  )
  for (const { id, outputs, hosts } of [...steps, ...last]) {
    for (const [name, { secret }] of Object.entries(outputs)) {
      if (!secret) continue
      paths.push(`steps.${id}.${name}`)
      // Of a step on hosts an output may also be read by the name of a host.
      const known = hosts === undefined ? [] : hostsIn(runbook, hosts.group)
      for (const host of known.flatMap((environment) => environment.hosts))
        paths.push(pathText(['steps', id, host.name, name]))
    }
  }
  return new Set(paths)
}

function lintPhases(carried: Lint, file: RunbookFile, variables: (sight: Sight) => Fields): void {
  const steps = carried.runbook.steps.values()
  const done = new Set<string>()
  const isEarlier = (id: string): boolean => done.has(id)
  for (const [p, phase] of file.phases.entries()) {
    const ids = new Set(phase.steps.map(({ id }) => id))
    const concurrent = (phase.concurrent ?? 1) > 1
    for (const [s, stepFile] of phase.steps.entries()) {
      const step = steps.next().value
      if (step === undefined) return
      lintStep(carried, {
        step,
        file: stepFile,
        way: ['phases', p, 'steps', s],
        isEarlier,
        together: concurrent ? ids : new Set(),
        variables: onHosts(variables, step),
        isLast: false,
      })
      if (!concurrent) done.add(step.id)
    }
    if (concurrent) for (const id of ids) done.add(id)
  }
  for (const [s, step] of carried.runbook.finally.entries()) {
    const stepFile = file.finally?.[s]
    if (stepFile === undefined) return
    const way: Way = ['finally', s]
    lintStep(carried, {
      step,
      file: stepFile,
      way,
      isEarlier,
      together: new Set(),
      variables: onHosts(variables, step),
      isLast: true,
    })
    done.add(step.id)
  }
}

function lintEnvironments(
  carried: Lint,
  file: RunbookFile,
  variables: (sight: Sight) => Fields,
): void {
  const bound: View = { variables: variables({ inputs: false, steps: false }) }
  const running: View = { variables: variables({ steps: false }) }
  for (const [name, environment] of Object.entries(file.environments)) {
    const way: Way = ['environments', name]
    lintBuildsOn(carried, name, file.environments, running)
    for (const [input, given] of Object.entries(environment.inputs ?? {})) {
      if (typeof given === 'string') lintTemplates(carried, [...way, 'inputs', input], given, bound)
    }
    for (const [key, service] of Object.entries(environment.services ?? {})) {
      const here: Way = [...way, 'services', key]
      lintTemplates(carried, [...here, 'env'], service.env, running)
      lintChecks(carried, [...here, 'ready'], service.ready, running, variables, [])
    }
    lintTemplates(carried, [...way, 'cwd'], environment.cwd, running)
    lintHosts(carried, way, environment, running)
    lintChannels(carried, way, environment, running)
    lintChecks(
      carried,
      [...way, 'state'],
      environment.state,
      running,
      variables,
      Object.keys(carried.runbook.inputs),
    )
  }
}

function usedChecks(file: unknown): Set<string> {
  if (Array.isArray(file)) return new Set(file.flatMap((item) => [...usedChecks(item)]))
  if (typeof file !== 'object' || file === null) return new Set()
  const { check } = file as { check?: unknown }
  const inner = Object.values(file).flatMap((value) => [...usedChecks(value)])
  return new Set([...(typeof check === 'string' ? [check] : []), ...inner])
}
