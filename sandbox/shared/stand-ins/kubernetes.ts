// The rest of the cluster: how its objects are shown, how many pods there are, and
// objects that are none of the sandbox's units.
import { existsSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import type { UnitStatus } from '../host/control-client.ts'
import { podName, takeDeployment } from './deployments.ts'
import type { Work } from './kubectl.ts'
import { type Command, fail, say } from './tool.ts'
import { type Memory, ask } from './world.ts'

function wrong(message: string): never {
  return fail(1, `error: ${message}`)
}

/** Names by which a kind of object is known. */
const KINDS: Readonly<Record<string, readonly string[]>> = {
  deployment: ['deployment', 'deployments', 'deploy', 'deployment.apps', 'deployments.apps'],
  pod: ['pod', 'pods', 'po'],
  horizontalpodautoscaler: ['horizontalpodautoscaler', 'horizontalpodautoscalers', 'hpa'],
  secret: ['secret', 'secrets'],
  configmap: ['configmap', 'configmaps', 'cm'],
  service: ['service', 'services', 'svc'],
}

const kindOf = (word: string): string =>
  Object.entries(KINDS).find(([, names]) => names.includes(word))?.[0] ??
  wrong(`the server doesn't have a resource type "${word}"`)

function objectsOf(
  kind: string,
  memory: Memory,
  all: readonly UnitStatus[],
): Record<string, unknown>[] {
  const ready = (unit: UnitStatus): number => (unit.state === 'active' ? unit.processes.length : 0)
  if (kind === 'deployment')
    return all.map((unit) => ({
      metadata: { name: unit.id },
      spec: {
        replicas: unit.replicas,
        template: {
          spec: {
            containers: [
              { name: unit.container, image: memory.deployments[unit.id]?.revisions.at(-1) },
            ],
          },
        },
      },
      status: {
        replicas: unit.processes.length,
        readyReplicas: ready(unit),
        availableReplicas: ready(unit),
        updatedReplicas: unit.rollout === 'done' ? ready(unit) : 0,
      },
    }))
  if (kind === 'pod')
    return all.flatMap((unit) =>
      unit.processes.map(({ pid }) => ({
        metadata: { name: podName(unit, pid), labels: { app: unit.name } },
        status: {
          phase: 'Running',
          containerStatuses: [
            { name: unit.container, ready: unit.state === 'active', restartCount: 0 },
          ],
          conditions: [{ type: 'Ready', status: unit.state === 'active' ? 'True' : 'False' }],
        },
      })),
    )
  const encoded = (data: object): Record<string, string> =>
    Object.fromEntries(
      Object.entries(data).map(([key, text]) => [
        key,
        Buffer.from(String(text)).toString('base64'),
      ]),
    )
  return Object.entries(memory.objects)
    .filter(([key]) => key.startsWith(`${kind}/`))
    .map(([key, spec]) => ({
      metadata: { name: key.slice(kind.length + 1) },
      ...(kind === 'secret' ? { data: encoded(spec) } : { spec }),
      // An autoscaler that gets its figures.
      ...(kind === 'horizontalpodautoscaler'
        ? { status: { conditions: [{ type: 'ScalingActive', status: 'True' }] } }
        : {}),
    }))
}

/** The small part of JSONPath that asks for one value, or the same of each: {.a.b[0].c} and {.items[*].a}. */
function atPath(value: unknown, path: string): unknown[] {
  const [, head = '', rest = ''] = /^\.?([^.[\]]+|\[[^\]]*\])(.*)$/.exec(path) ?? []
  if (head === '') return [value]
  if (head === '[*]') return (value as unknown[]).flatMap((each) => atPath(each, rest))
  const key = head.startsWith('[') ? head.slice(1, -1).replace(/^'|'$/g, '') : head
  const next = (value as Record<string, unknown> | undefined)?.[key]
  return next === undefined ? [] : atPath(next, rest)
}

function jsonPath(value: unknown, template: string): string {
  return template.replace(/\{([^}]*)\}/g, (_, inside: string) => {
    if (/^"[^"]*"$/.test(inside)) return JSON.parse(inside) as string
    return atPath(value, inside)
      .map((one) => (typeof one === 'string' ? one : JSON.stringify(one)))
      .join(' ')
  })
}

export const show: Work = ({ words, value, has }, memory, all) => {
  const [first = '', second] = words
  const [word = '', joined] = first.split('/')
  const name = joined ?? second
  const kind = kindOf(word)
  const label = value('selector')?.replace(/^app==?/, '')
  const found = objectsOf(kind, memory, all).filter((object) => {
    const { name: own, labels } = object['metadata'] as { name: string; labels?: { app: string } }
    return (
      (name === undefined || own === name) &&
      (label === undefined || (labels?.app ?? own) === label)
    )
  })
  if (name !== undefined && found.length === 0) {
    if (has('ignore-not-found')) return
    fail(1, `Error from server (NotFound): ${kind}s "${name}" not found`)
  }
  const output = value('output') ?? ''
  const asked = name === undefined ? { items: found } : found[0]
  if (output.startsWith('jsonpath=')) process.stdout.write(jsonPath(asked, output.slice(9)))
  else if (output === 'json') say(JSON.stringify(asked, null, 2))
  else if (output === 'name')
    for (const { metadata } of found) say(`${kind}/${(metadata as { name: string }).name}`)
  else if (output !== '' && output !== 'wide')
    wrong(`here --output is json, name, wide or jsonpath=…, not ${output}`)
  else {
    if (!has('no-headers')) say('NAME\tREADY\tSTATUS')
    for (const object of found) {
      const { name: own } = object['metadata'] as { name: string }
      const { replicas } = (object['spec'] ?? {}) as { replicas?: number }
      const state = object['status'] as { phase?: string; readyReplicas?: number } | undefined
      const ready =
        kind === 'pod'
          ? JSON.stringify(state).includes('"ready":true')
            ? '1/1'
            : '0/1'
          : replicas === undefined
            ? '-'
            : `${state?.readyReplicas ?? 0}/${replicas}`
      say(`${own}\t${ready}\t${state?.phase ?? '-'}`)
    }
  }
}

const scale: Work = async ({ words, value }, _memory, all) => {
  const { unit } = takeDeployment(all, words)
  const wanted = value('replicas') ?? wrong('the --replicas=COUNT flag is required')
  if (!/^\d+$/.test(wanted)) wrong(`invalid argument "${wanted}" for "--replicas" flag`)
  await ask({ act: 'scale', unit: unit.id, replicas: Number(wanted) })
  say(`deployment.apps/${unit.name} scaled`)
}

/** An autoscaler sees to it that there are at least so many pods: really. Load is not measured here. */
const autoscale: Work = async ({ words, value }, memory, all) => {
  const { unit } = takeDeployment(all, words)
  const max = Number(value('max') ?? wrong('--max=MAXPODS is required and must be at least 1'))
  const min = Number(value('min') ?? 1)
  if (!(max >= min && min >= 1)) wrong('--max=MAXPODS must be larger or equal to --min=MINPODS')
  const key = `horizontalpodautoscaler/${value('name') ?? unit.name}`
  if (memory.objects[key] !== undefined)
    fail(1, `Error from server (AlreadyExists): ${key} already exists`)
  memory.objects[key] = {
    minReplicas: min,
    maxReplicas: max,
    targetCPUUtilizationPercentage: Number(value('cpu-percent') ?? 80),
    scaleTargetRef: { kind: 'Deployment', name: unit.name },
  }
  if (unit.replicas < min) await ask({ act: 'scale', unit: unit.id, replicas: min })
  say(`horizontalpodautoscaler.autoscaling/${unit.name} autoscaled`)
}

/** `key=value`, `key=file`, or lines of a file. What is made of it lies in a file that only its owner reads. */
const createSecret: Work = ({ words: [name = ''], values }, memory) => {
  const key = `secret/${name}`
  if (memory.objects[key] !== undefined)
    fail(1, `error: failed to create secret secrets "${name}" already exists`)
  const data: Record<string, string> = {}
  for (const pair of values('from-literal'))
    data[pair.split('=')[0] ?? ''] = pair.slice(pair.indexOf('=') + 1)
  for (const pair of values('from-file')) {
    const [left = '', right] = pair.split('=')
    const file = right ?? left
    if (!existsSync(file)) wrong(`error reading ${file}: no such file or directory`)
    data[right === undefined ? basename(file) : left] = readFileSync(file, 'utf8')
  }
  for (const file of values('from-env-file'))
    for (const line of readFileSync(file, 'utf8').split('\n'))
      if (line.includes('=')) data[line.split('=')[0] ?? ''] = line.slice(line.indexOf('=') + 1)
  memory.objects[key] = data
  say(`secret/${name} created`)
}

/** A pod that goes is replaced by its deployment. With --force it gets no time to end. */
function removePod(name: string, force: boolean, all: readonly UnitStatus[]): void {
  const pids = all.flatMap((unit) =>
    unit.processes.filter(({ pid }) => podName(unit, pid) === name).map(({ pid }) => pid),
  )
  const [pid] = pids
  if (pid === undefined) fail(1, `Error from server (NotFound): pods "${name}" not found`)
  process.kill(pid, force ? 'SIGKILL' : 'SIGTERM')
  say(`pod "${name}" ${force ? 'force deleted' : 'deleted'}`)
}

const remove: Work = ({ words, has }, memory, all) => {
  const [first = '', ...others] = words
  const keys = first.includes('/')
    ? words.map((word) => `${kindOf(word.split('/')[0] ?? '')}/${word.split('/')[1] ?? ''}`)
    : others.map((name) => `${kindOf(first)}/${name}`)
  if (keys.length === 0) wrong('resource(s) were provided, but no name was specified')
  for (const key of keys) {
    if (key.startsWith('deployment/')) wrong('here deployments stay')
    if (key.startsWith('pod/')) {
      removePod(key.slice('pod/'.length), has('force'), all)
      continue
    }
    if (memory.objects[key] === undefined && !has('ignore-not-found'))
      fail(1, `Error from server (NotFound): ${key} not found`)
    Reflect.deleteProperty(memory.objects, key)
    say(`${key} deleted`)
  }
}

/** Commands beside those of kubectl.ts. */
export function moreCommands(cluster: (work: Work) => Command['run']): Record<string, Command> {
  return {
    scale: {
      flags: ['--replicas=', '--current-replicas=', '--timeout='],
      words: [1, 2],
      run: cluster(scale),
    },
    autoscale: {
      flags: ['--min=', '--max=', '--cpu-percent=', '--name='],
      words: [1, 2],
      run: cluster(autoscale),
    },
    'create secret generic': {
      flags: ['--from-literal=', '--from-file=', '--from-env-file=', '--type='],
      words: [1, 1],
      run: cluster(createSecret),
    },
    delete: {
      flags: [
        '--ignore-not-found',
        '--wait[=]',
        '--timeout=',
        '--now',
        '--force',
        '--grace-period=',
      ],
      words: [1, Infinity],
      run: cluster(remove),
    },
  }
}
