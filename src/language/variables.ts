/** What expressions may name, and of which type it is. */
import type { Fields, ValueType } from '../core/expression-types.ts'
import { checkExpression } from '../core/expression-types.ts'
import { SUMMARIES } from '../core/soak.ts'
import type { Host, InputType, Runbook, Step, VerbName } from '../core/runbook.ts'
import { hasTemplate } from '../core/templates.ts'
import { VERBS } from '../core/verbs.ts'

type Known = Fields['fields']

const OF_INPUT: Record<InputType, ValueType> = {
  string: 'string',
  url: 'string',
  integer: 'int',
  number: 'double',
  boolean: 'bool',
}

const text = (...names: string[]): Known =>
  Object.fromEntries(names.map((name) => [name, 'string']))

const COMMON: Known = {
  environment: { called: 'field of environment', fields: { name: 'string', protected: 'bool' } },
  run: {
    called: 'field of run',
    fields: text('id', 'runbook', 'environment', 'status', 'by'),
  },
  now: 'timestamp',
}

/** Everything that one place may name. */
export interface Sight {
  /** False: it is an input itself, made from services alone before there is a run. */
  inputs?: boolean
  steps?: boolean
  params?: Known
  /** The group of hosts that the step runs on. */
  host?: string
  /** The result of this verb. */
  verb?: VerbName
  /** Of a soak: its probes. */
  probes?: Known
  /** Names that only this place knows are not told apart: anything goes. */
  open?: boolean
}

/** Makes the variables for a place. The same sight gives the same object, which keeps checking quick. */
export function variablesOf(runbook: Runbook): (sight: Sight) => Fields {
  const inputs: Fields = {
    called: 'input',
    fields: mapValues(runbook.inputs, ({ type }) => OF_INPUT[type]),
  }
  const services = servicesOf(runbook)
  const steps: Fields = { called: 'step', fields: {} }
  const hosts = (group: string) => hostOf(runbook, group)
  const base = (sight: Sight): Fields => ({
    called: 'variable',
    open: sight.verb === 'script' || sight.open === true,
    fields: {
      ...(sight.inputs === false ? { services } : { ...COMMON, services, inputs }),
      ...(sight.steps === false ? {} : { steps }),
      ...(sight.host === undefined ? {} : { host: hosts(sight.host) }),
      ...(sight.params === undefined
        ? {}
        : { params: { called: 'parameter', fields: sight.params } }),
      ...(sight.verb === undefined ? {} : VERBS[sight.verb].result),
      ...sight.probes,
    },
  })
  // Types of outputs come from their expressions, which may read outputs of steps before.
  for (const step of [...runbook.steps, ...runbook.finally]) {
    const known = steps.fields[step.id]
    const before = typeof known === 'object' ? (known.each ?? known).fields : {}
    const outputs: Fields = {
      called: `output of step ${step.id}:`,
      fields: { ...before, ...outputsOf(step, base) },
    }
    steps.fields[step.id] =
      step.hosts === undefined ? outputs : byHost(runbook, step.id, step.hosts.group, outputs)
  }
  return base
}

function servicesOf({ environments }: Runbook): Fields {
  const names = Object.values(environments).flatMap(({ services }) => Object.keys(services))
  const service: Fields = {
    called: 'field of a service',
    fields: { url: 'string', port: 'int' },
    open: true,
  }
  return { called: 'service', fields: Object.fromEntries(names.map((name) => [name, service])) }
}

/** The hosts of a group, environment by environment, where it has some. */
export function hostsIn({ environments }: Runbook, group: string): { in: string; hosts: Host[] }[] {
  return Object.values(environments).flatMap(({ name, hosts = {} }) => {
    const known = Object.hasOwn(hosts, group) ? hosts[group] : undefined
    return known === undefined ? [] : [{ in: name, hosts: known }]
  })
}

/** What is known of a host; a key is of a type where it is of the same one on all of them. */
function hostOf(runbook: Runbook, group: string): Fields {
  const fields: Known = { name: 'string' }
  for (const { facts } of hostsIn(runbook, group).flatMap(({ hosts }) => hosts))
    for (const [key, value] of Object.entries(facts)) {
      const type = factType(key, value)
      fields[key] = fields[key] === undefined || fields[key] === type ? type : 'dyn'
    }
  return { called: 'key of host', fields }
}

function factType(key: string, value: Host['facts'][string]): ValueType {
  if (typeof value === 'string') return hasTemplate(value) && key !== 'url' ? 'dyn' : 'string'
  if (typeof value === 'boolean') return 'bool'
  return Number.isInteger(value) ? 'int' : 'double'
}

/** Outputs by host: any host has the same ones, but only some hosts are in every environment. */
function byHost(runbook: Runbook, step: string, group: string, outputs: Fields): Fields {
  const [first, ...others] = hostsIn(runbook, group).map(
    ({ hosts }) => new Set(hosts.map(({ name }) => name)),
  )
  const everywhere = [...(first ?? [])].filter((name) => others.every((set) => set.has(name)))
  return {
    called: `host of step ${step} that every environment has:`,
    fields: Object.fromEntries(everywhere.map((name) => [name, outputs])),
    each: outputs,
  }
}

/** What a step's outputs are parts of: its action's result, or that of its single check. */
export function resultSight({ act, verify }: Step): Sight {
  const source = act ?? (verify.length === 1 ? verify[0] : undefined)
  if (source === undefined) return { open: true }
  const { action } = source
  return action.verb === 'soak' ? soakSight(action) : { verb: action.verb }
}

/** What a hint may look at: the result that failed, which is the action's or that of any of the checks. */
export function hintSight(step: Step): Sight {
  const { act, verify } = step
  const alike = verify.every(({ action }) => action.verb === act?.action.verb)
  return act === undefined || alike ? resultSight(step) : { open: true }
}

interface SoakNames {
  probes: Record<string, { figures?: Record<string, unknown> | undefined }>
}

/** What the expectation of a soak may name: `web.duration_ms.p95`, `web.bad`, `samples`. */
export function soakSight(soak: SoakNames): Sight {
  const summaries = Object.fromEntries(SUMMARIES.map((name) => [name, 'double' as const]))
  const probes = mapValues(soak.probes, ({ figures = {} }, probe): Fields => {
    const fields = mapValues({ duration_ms: '', ...figures }, (_, figure): Fields => {
      return { called: `summary of ${probe}.${figure}:`, fields: summaries }
    })
    return { called: `figure of ${probe}:`, fields: { ...fields, samples: 'int', bad: 'int' } }
  })
  return { verb: 'soak', probes: { ...probes, samples: 'int', bad: 'int' } }
}

function outputsOf(step: Step, base: (sight: Sight) => Fields): Known {
  const host = step.hosts === undefined ? {} : { host: step.hosts.group }
  const sight: Sight = { ...resultSight(step), ...host }
  const declared = mapValues(step.outputs, ({ value }) => {
    const checked = checkExpression(value.source, base(sight))
    return checked.ok ? outputType(checked.type) : 'dyn'
  })
  return { ...outputsByNature(step), ...declared }
}

function outputsByNature({ act }: Step): Known {
  if (act === undefined) return {}
  const { result, outputs = [] } = VERBS[act.action.verb]
  return Object.fromEntries(outputs.map((name) => [name, result[name] ?? 'dyn']))
}

function outputType(type: string): ValueType {
  if (type === 'int' || type === 'double' || type === 'string' || type === 'bool') return type
  // The journal keeps times and durations as text.
  if (type.startsWith('google.protobuf.')) return 'string'
  if (type.startsWith('list')) return 'list'
  return type.startsWith('map') ? 'map' : 'dyn'
}

/** The types of a check's parameters. */
export function paramTypes(params: Record<string, { type?: InputType | undefined }>): Known {
  return mapValues(params, ({ type = 'string' }) => OF_INPUT[type])
}

function mapValues<A, B>(
  given: Record<string, A>,
  change: (value: A, name: string) => B,
): Record<string, B> {
  return Object.fromEntries(
    Object.entries(given).map(([name, value]) => [name, change(value, name)]),
  )
}
