/** Environments: where inputs come from, which services stand in, what may be done there. */
import type { Environment, Host, InputSource, Service, Value } from '../core/runbook.ts'
import { channelOf } from './channels.ts'
import { blame, blameKey, defined, type Reading } from './reading.ts'
import { checkOf } from './roles.ts'
import type { EnvironmentFile, ServiceFile } from './schema.ts'
import { keyOffset, placeText, type Way } from './tree.ts'

/** One environment, from the file's form to the core's. */
export function environmentOf(
  reading: Reading,
  file: EnvironmentFile,
  name: string,
  way: Way,
): Environment {
  const inputs = Object.entries(file.inputs ?? {}).flatMap(([key, given]) => {
    const source = sourceOf(reading, given, [...way, 'inputs', key])
    return source === undefined ? [] : [[key, source] as const]
  })
  const services = Object.entries(file.services ?? {}).flatMap(([key, given]) => {
    const service = serviceOf(reading, given, [...way, 'services', key])
    return service === undefined ? [] : [[key, service] as const]
  })
  const state = (file.state ?? []).flatMap(
    (check, i) => checkOf(reading, check, [...way, 'state', i]) ?? [],
  )
  const hosts = file.hosts && Object.fromEntries(Object.entries(file.hosts).map(groupOf))
  const { after: before } = file
  const after = before && {
    same: [],
    ...defined(before),
    at: placeText(reading.document, keyOffset(reading.document, [...way, 'after'])),
  }
  const channels = Object.entries(file.channels ?? {}).flatMap(([key, given]) => {
    const channel = channelOf(reading, given, [...way, 'channels', key])
    return channel === undefined ? [] : [[key, channel] as const]
  })
  const { on_failure, path = [], cwd, manual = 'ask', wait, lock } = file
  return {
    name,
    protected: file.protected ?? false,
    inputs: Object.fromEntries(inputs),
    services: Object.fromEntries(services),
    path,
    manual,
    state,
    ...(channels.length > 0 && { channels: Object.fromEntries(channels) }),
    ...defined({ on_failure, cwd, wait, lock, hosts, after }),
  }
}

function groupOf([group, hosts]: [string, Record<string, Host['facts']>]): [string, Host[]] {
  return [group, Object.entries(hosts).map(([name, facts]) => ({ name, facts }))]
}

const SOURCES = ['env', 'file', 'command', 'random'] as const

function sourceOf(
  reading: Reading,
  given: NonNullable<EnvironmentFile['inputs']>[string],
  way: Way,
): InputSource | undefined {
  if (typeof given !== 'object') return { kind: 'literal', value: given satisfies Value }
  const named = SOURCES.filter((source) => given[source] !== undefined)
  if (named.length !== 1) {
    const message =
      named.length === 0
        ? 'this says nothing of where the input comes from'
        : 'an input comes from one place'
    const hint =
      'write a value, or one of: { env: NAME }, { file: path }, { command: [vault, …] }, { random: 32 }'
    blame(reading, way, { message, hint })
    return undefined
  }
  const { env, file, command, random } = given
  if (env !== undefined) return { kind: 'env', name: env }
  if (file !== undefined) return { kind: 'file', path: file }
  if (command !== undefined) return { kind: 'command', argv: command }
  return { kind: 'random', bytes: random ?? 32 }
}

function serviceOf(reading: Reading, file: ServiceFile, way: Way): Service | undefined {
  const { kind, run, env = {}, database, settings = {} } = file
  if ((kind === undefined) === (run === undefined)) {
    const hint = 'write kind: postgres, or run: with the command that serves'
    blame(reading, way, { message: 'a service is either of a kind or a command', hint })
    return undefined
  }
  const foreign =
    kind === undefined ? (['database', 'settings'] as const) : (['env', 'ready'] as const)
  for (const key of foreign) {
    if (file[key] === undefined) continue
    const owner = kind === undefined ? 'kind: postgres' : 'run'
    blameKey(reading, [...way, key], { message: `"${key}" belongs to a service with "${owner}"` })
  }
  if (kind !== undefined) return { kind, database: database ?? 'app', settings }
  const ready = file.ready && checkOf(reading, file.ready, [...way, 'ready'])
  return { kind: 'run', run: run ?? '', env, ...defined({ ready }) }
}
