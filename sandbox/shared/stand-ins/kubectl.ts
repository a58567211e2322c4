// Stand-in for kubectl: deployments are units of the sandbox, pods their
// processes. The flags are those of version 1.32.
import { existsSync, readFileSync } from 'node:fs'
import { environmentOf, execute } from './containers.ts'
import {
  podName,
  reconcile,
  rollAgain,
  rolledOut,
  setImage,
  takeDeployment,
} from './deployments.ts'
import { moreCommands, show } from './kubernetes.ts'
import { linesOf } from './logs.ts'
import { type Call, type Command, fail, runTool, say } from './tool.ts'
import { type Memory, ask, keep, remember } from './world.ts'
import type { UnitStatus } from '../host/control-client.ts'

function wrong(message: string): never {
  return fail(1, `error: ${message}`)
}

export type Work = (call: Call, memory: Memory, all: UnitStatus[]) => void | Promise<void>

function cluster(work: Work): Command['run'] {
  return async (call) => {
    const memory = remember()
    const all = await reconcile(memory)
    await work(call, memory, all)
    keep(memory)
  }
}

function milliseconds(text: string): number {
  const parts = [...text.matchAll(/(\d+)(ms|s|m|h)/g)]
  if (parts.length === 0 || parts.map(([all]) => all).join('') !== text)
    wrong(`invalid argument "${text}" for "--timeout" flag`)
  const sizes: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }
  return parts.reduce((sum, [, n, unit]) => sum + Number(n) * (sizes[unit ?? ''] ?? 0), 0)
}

/** `container=image` pairs; the container of a pod is named by the sandbox. */
const setImages: Work = async ({ words, has }, memory, all) => {
  const { unit, rest } = takeDeployment(all, words)
  if (rest.length === 0) wrong('at least one image update is required')
  if (has('record'))
    process.stderr.write(
      'Flag --record has been deprecated, --record will be removed in the future\n',
    )
  for (const pair of rest) {
    const [, container = '', image = ''] =
      /^([^=]+)=(\S+)$/.exec(pair) ?? wrong(`invalid image "${pair}"`)
    if (container !== unit.container && container !== '*')
      wrong(`unable to find container named "${container}"`)
    await setImage(memory, unit, image)
  }
  say(`deployment.apps/${unit.name} image updated`)
}

/** `NAME=value` sets, `NAME-` takes away; then the pods are replaced, since variables count from a start. */
const setEnv: Work = async ({ words, values, value, has }, memory, all) => {
  const { unit, rest } = takeDeployment(all, words)
  if (has('list')) {
    say(`# Deployment ${unit.name}, container ${unit.container}`)
    const { from = {} } = memory.deployments[unit.id] ?? {}
    for (const [name, text] of Object.entries(unit.env))
      say(from[name] === undefined ? `${name}=${text}` : `# ${name} from ${from[name]}`)
    return
  }
  const from = value('from')
  const set: Record<string, string | null> = {}
  // A variable that comes from elsewhere is listed with where from, not with its value.
  const sources = { ...memory.deployments[unit.id]?.from }
  if (from !== undefined) {
    const object =
      memory.objects[from] ?? fail(1, `Error from server (NotFound): ${from} not found`)
    for (const [key, text] of Object.entries(object)) {
      const name = key.toUpperCase().replace(/[^A-Z0-9]/g, '_')
      set[name] = String(text)
      sources[name] = `${from.replace('/', ' ')}, key ${key}`
    }
  }
  for (const one of [...rest, ...values('env')]) {
    const [, name = '', text] =
      /^([A-Za-z_]\w*)(?:=(.*)|-)$/s.exec(one) ??
      wrong(
        `environment variables must be of the form key=value or key-, not "${one.slice(0, 20)}"`,
      )
    set[name] = text ?? null
    Reflect.deleteProperty(sources, name)
  }
  const deployment = memory.deployments[unit.id]
  if (deployment !== undefined) deployment.from = sources
  if (Object.keys(set).length === 0) wrong('at least one environment variable must be provided')
  const same = Object.entries(set).every(([name, text]) => (unit.env[name] ?? null) === text)
  if (!same) {
    await ask({ act: 'env', unit: unit.id, set })
    await rollAgain(unit)
  }
  say(`deployment.apps/${unit.name} env updated`)
}

const status: Work = async ({ words, value }, memory, all) => {
  const { unit } = takeDeployment(all, words)
  // Without a limit the real one waits for ever; a progress deadline ends it after ten minutes.
  const until = Date.now() + milliseconds(value('timeout') ?? '10m')
  if (!(await rolledOut(memory, unit.id, until))) wrong('timed out waiting for the condition')
  say(`deployment "${unit.name}" successfully rolled out`)
}

const undo: Work = async ({ words, value }, memory, all) => {
  const { unit } = takeDeployment(all, words)
  const revisions = memory.deployments[unit.id]?.revisions ?? []
  const wanted = Number(value('to-revision') ?? 0)
  const image = wanted === 0 ? revisions.at(-2) : revisions[wanted - 1]
  if (image === undefined) wrong(`no rollout history found for deployment "${unit.name}"`)
  await setImage(memory, unit, image)
  say(`deployment.apps/${unit.name} rolled back`)
}

const history: Work = ({ words }, memory, all) => {
  const { unit } = takeDeployment(all, words)
  say(`deployment.apps/${unit.name}\nREVISION  IMAGE`)
  memory.deployments[unit.id]?.revisions.forEach((image, i) => say(`${i + 1}         ${image}`))
}

interface Manifest {
  kind?: string
  metadata?: { name?: string }
  spec?: {
    replicas?: number
    template?: { spec?: { containers?: { image?: string }[] } }
  }
}

const apply: Work = async ({ values }, memory, all) => {
  const files = values('filename')
  if (files.length === 0) wrong('must specify one of -f and -k')
  for (const file of files) {
    if (file !== '-' && !existsSync(file)) wrong(`the path "${file}" does not exist`)
    const { parseAllDocuments } = await import('yaml')
    for (const document of parseAllDocuments(readFileSync(file === '-' ? 0 : file, 'utf8'))) {
      const manifest = document.toJS() as Manifest | null
      if (manifest === null) continue
      const { kind = '', metadata: { name = '' } = {}, spec = {} } = manifest
      if (kind === 'Deployment') {
        const { unit } = takeDeployment(all, ['deployment', name])
        const image = spec.template?.spec?.containers?.[0]?.image
        if (spec.replicas !== undefined)
          await ask({ act: 'scale', unit: unit.id, replicas: spec.replicas })
        if (image !== undefined) await setImage(memory, unit, image)
        say(`deployment.apps/${name} configured`)
      } else {
        const key = `${kind.toLowerCase()}/${name}`
        say(`${key} ${memory.objects[key] === undefined ? 'created' : 'configured'}`)
        memory.objects[key] = spec as Record<string, unknown>
      }
    }
  }
}

const logs: Work = ({ words, value, has }, _memory, all) => {
  if (has('follow')) wrong('here logs do not follow: that never ends')
  const [name = ''] = words
  const label = value('selector')
  if (label !== undefined) {
    const those = all.filter((one) => `app=${one.name}` === label.replace('==', '='))
    if (those.length === 0) process.stderr.write('No resources found in default namespace.\n')
    // Many pods, and few lines of each, unless more are asked for.
    const tail = value('tail') ?? '10'
    for (const line of linesOf(those, { since: value('since-time') ?? value('since'), tail }))
      say(line)
    return
  }
  const unit = name.includes('/')
    ? takeDeployment(all, words).unit
    : all.find((one) => one.processes.some(({ pid }) => podName(one, pid) === name))
  if (unit === undefined) fail(1, `Error from server (NotFound): pods "${name}" not found`)
  const since = value('since')
  for (const line of linesOf([unit], { since: value('since-time') ?? since, tail: value('tail') }))
    say(line)
}

const exec: Work = ({ words: [name = '', ...command] }, _memory, all) => {
  const { unit } = takeDeployment(all, [name])
  if (unit.state !== 'active') wrong('unable to upgrade connection: container not found')
  execute(unit.release, command, [], [], environmentOf(unit))
}

const target = [
  '-f, --filename=',
  '-R, --recursive',
  '-l, --selector=',
  '-o, --output=',
  '--dry-run[=]',
]
const some = [1, Infinity] as const
const one = [1, 2] as const
await runTool({
  name: 'kubectl',
  usage: 1,
  flags: [
    '-n, --namespace=',
    '--context=',
    '--kubeconfig=',
    '--cluster=',
    '--request-timeout=',
    '-v, --v=',
  ],
  unknownFlag: (flag) => `error: unknown flag: ${flag}`,
  commands: {
    apply: {
      flags: ['-f, --filename=', '-R, --recursive', '--server-side', '--wait', '--timeout='],
      run: cluster(apply),
    },
    'set image': { flags: [...target, '--record[=]'], words: some, run: cluster(setImages) },
    'set env': {
      flags: [...target, '-e, --env=', '--from=', '--list', '--overwrite[=]'],
      words: some,
      run: cluster(setEnv),
    },
    'rollout status': {
      flags: ['--timeout=', '-w, --watch[=]', '--revision='],
      words: one,
      run: cluster(status),
    },
    'rollout undo': { flags: ['--to-revision='], words: one, run: cluster(undo) },
    'rollout history': { flags: ['--revision='], words: one, run: cluster(history) },
    'rollout restart': {
      words: one,
      run: cluster(async ({ words }, _memory, all) => {
        const { unit } = takeDeployment(all, words)
        await rollAgain(unit)
        say(`deployment.apps/${unit.name} restarted`)
      }),
    },
    get: {
      flags: [
        '-o, --output=',
        '-l, --selector=',
        '--no-headers',
        '--ignore-not-found',
        '-A, --all-namespaces',
      ],
      words: some,
      run: cluster(show),
    },
    logs: {
      flags: [
        '-f, --follow',
        '--since=',
        '--since-time=',
        '--tail=',
        '-c, --container=',
        '--all-containers',
        '--timestamps',
        '--prefix',
        '-l, --selector=',
      ],
      words: [0, 2],
      run: cluster(logs),
    },
    exec: {
      flags: ['-c, --container=', '-i, --stdin', '-t, --tty', '-q, --quiet'],
      words: [2, Infinity],
      rest: true,
      run: cluster(exec),
    },
    ...moreCommands(cluster),
  },
})
