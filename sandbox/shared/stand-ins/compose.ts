// Stand-in for docker compose, version 2: a service is the unit of that name. A
// service that is no unit of the sandbox (a database, a cache) runs beside it and
// is left alone.
import { existsSync, readFileSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import type { UnitStatus } from '../host/control-client.ts'
import { readEnvFile } from '../host/process.ts'
import { environmentOf, execute, isRunning, remove, run, start, stop } from './containers.ts'
import { build, pull, push, releaseOfImage } from './images.ts'
import { linesOf } from './logs.ts'
import { type Call, type Command, fail, say } from './tool.ts'
import { type Memory, repositoryOf, units, withTag } from './world.ts'

interface Service {
  name: string
  image: string
  container: string
  build: { context: string } | undefined
  ports: string[]
  /** Those that have to be there before it starts. */
  envFiles: string[]
  /** Undefined where it is none of the sandbox's. */
  unit: UnitStatus | undefined
}

interface Raw {
  image?: string
  container_name?: string
  build?: string | { context?: string }
  ports?: string[]
  env_file?: EnvFile | EnvFile[]
}

type EnvFile = string | { path: string; required?: boolean }

/** `${NAME}`, `${NAME:-else}` and `${NAME:?why}`, as compose has them, in the whole file. */
function interpolated(
  text: string,
  variables: Readonly<Record<string, string | undefined>>,
): string {
  return text.replace(
    /\$\$|\$\{(\w+)(?:(:?[-?])([^}]*))?\}/g,
    (all, name: string, mark?: string, more = '') => {
      if (all === '$$') return '$'
      const value = variables[name]
      if (value !== undefined && (value !== '' || mark?.startsWith(':') !== true)) return value
      if (mark?.endsWith('?') === true)
        fail(15, `required variable ${name} is missing a value: ${more}`)
      return mark === undefined ? '' : String(more)
    },
  )
}

function fileOf({ value, values }: Call): string {
  const [given, more] = values('file')
  if (more !== undefined) fail(14, 'docker compose: here one file only')
  const folder = value('project-directory') ?? '.'
  const names = ['compose.yaml', 'compose.yml', 'docker-compose.yml', 'docker-compose.yaml'].map(
    (name) => join(folder, name),
  )
  const file = given ?? process.env['COMPOSE_FILE'] ?? names.find((name) => existsSync(name))
  if (file === undefined) fail(14, 'no configuration file provided: not found')
  return existsSync(file) ? file : fail(14, `open ${file}: no such file or directory`)
}

async function servicesOf(call: Call): Promise<Service[]> {
  const file = fileOf(call)
  const folder = resolve(call.value('project-directory') ?? dirname(file))
  const project =
    call.value('project-name') ?? process.env['COMPOSE_PROJECT_NAME'] ?? basename(folder)
  const envFiles =
    call.values('env-file').length > 0 ? call.values('env-file') : [join(folder, '.env')]
  const variables = {
    ...Object.assign({}, ...envFiles.map(readEnvFile)),
    ...process.env,
  } as Record<string, string>
  // Most calls of docker are not compose's, and need not wait for it.
  const { parse } = await import('yaml')
  const { services = {} } = parse(interpolated(readFileSync(file, 'utf8'), variables)) as {
    services?: Record<string, Raw>
  }
  const all = await units()
  const wanted = call.words
  for (const name of wanted) if (services[name] === undefined) fail(1, `no such service: ${name}`)
  return Object.entries(services)
    .filter(([name]) => wanted.length === 0 || wanted.includes(name))
    .map(([name, raw]) => {
      const context = typeof raw.build === 'string' ? raw.build : raw.build?.context
      return {
        name,
        image: withTag(raw.image ?? `${project}-${name}`),
        container: raw.container_name ?? `${project}-${name}-1`,
        build: context === undefined ? undefined : { context: resolve(folder, context) },
        ports: (raw.ports ?? []).map(String),
        envFiles: [raw.env_file ?? []]
          .flat()
          .filter((one) => typeof one === 'string' || one.required !== false)
          .map((one) => resolve(folder, typeof one === 'string' ? one : one.path)),
        unit: all.find((unit) => unit.name === name),
      }
    })
}

/** The container that a service is now: its own, or what served before anything was composed. */
function adopt(memory: Memory, { unit, container, ports }: Service): void {
  if (unit === undefined || memory.containers[container] !== undefined) return
  const known = memory.containers[unit.id]
  if (memory.active[unit.id] !== unit.id || known === undefined) return
  memory.containers[container] = { ...known, ports }
  Reflect.deleteProperty(memory.containers, unit.id)
  memory.active[unit.id] = container
}

async function up(call: Call, memory: Memory): Promise<void> {
  if (!call.has('detach') && !call.has('wait'))
    fail(16, 'docker compose up: here detached only (--detach)')
  const services = await servicesOf(call)
  for (const file of services.flatMap(({ envFiles }) => envFiles))
    if (!existsSync(file))
      fail(1, `env file ${file} not found: stat ${file}: no such file or directory`)
  for (const service of services) {
    const { name, container, image, ports, unit } = service
    if (unit === undefined) continue
    adopt(memory, service)
    if (service.build !== undefined && (call.has('build') || memory.images[image] === undefined))
      build(memory, service.build.context, [image])
    const now = memory.containers[container]
    const same = now?.image === image && memory.images[image] === unit.release
    if (now !== undefined && same && !call.has('force-recreate')) await start(memory, container)
    else {
      releaseOfImage(memory, image)
      if (now !== undefined) await remove(memory, container, true)
      await run(memory, container, image, ports)
    }
    say(` Container ${container}  Started (${name})`)
  }
}

async function ps(call: Call, memory: Memory): Promise<void> {
  const rows = []
  for (const service of await servicesOf(call)) {
    adopt(memory, service)
    const { name, container, image, unit } = service
    if (unit !== undefined && memory.containers[container] === undefined) continue
    const running = unit === undefined || (await isRunning(memory, container))
    const state = running ? 'running' : 'exited'
    const wanted = call.values('status')
    if (wanted.length > 0 ? !wanted.includes(state) : !running && !call.has('all')) continue
    rows.push({
      Name: container,
      Image: memory.containers[container]?.image ?? image,
      Service: name,
      State: state,
      Health: '',
      ExitCode: 0,
    })
  }
  const format = call.value('format') ?? 'table'
  if (format !== 'json' && format !== 'table')
    fail(1, 'docker compose ps: here --format is table or json')
  if (call.has('services')) for (const row of rows) say(row.Service)
  else if (call.has('quiet')) for (const row of rows) say(row.Name)
  else if (format === 'json') for (const row of rows) say(JSON.stringify(row))
  else {
    say('NAME\tIMAGE\tSERVICE\tSTATUS')
    for (const row of rows)
      say(
        [row.Name, row.Image, row.Service, row.State === 'running' ? 'Up' : 'exited (0)'].join(
          '\t',
        ),
      )
  }
}

async function logs(call: Call): Promise<void> {
  if (call.has('follow')) fail(1, 'docker compose logs: here logs do not follow: that never ends')
  for (const { name, unit } of await servicesOf(call)) {
    const lines =
      unit === undefined
        ? []
        : linesOf([unit], { since: call.value('since'), tail: call.value('tail') })
    for (const line of lines) say(call.has('no-log-prefix') ? line : `${name}-1  | ${line}`)
  }
}

async function exec(call: Call, memory: Memory): Promise<void> {
  const [name = '', ...command] = call.words
  const [service] = await servicesOf({ ...call, words: [name] })
  if (service?.unit === undefined) fail(1, `service "${name}" is not running`)
  adopt(memory, service)
  if (
    memory.containers[service.container] === undefined ||
    !(await isRunning(memory, service.container))
  )
    fail(1, `service "${name}" is not running`)
  execute(service.unit.release, command, call.values('env'), [], environmentOf(service.unit))
}

/** Flags of `docker compose` itself: they come before its command. */
export const composeFlags = [
  ...['-f, --file=', '-p, --project-name=', '--project-directory=', '--env-file='],
  ...['--profile=', '--progress=', '--ansi='],
]

type WithMemory = (work: (call: Call, memory: Memory) => void | Promise<void>) => Command['run']

/** The commands of `docker compose`, by their words. */
export function composeCommands(withMemory: WithMemory): Record<string, Command> {
  const eachOf =
    (work: (memory: Memory, service: Service) => void | Promise<void>) =>
    async (call: Call, memory: Memory): Promise<void> => {
      for (const service of await servicesOf(call)) {
        if (service.unit === undefined) continue
        adopt(memory, service)
        await work(memory, service)
      }
    }
  const any = [0, Infinity] as const
  const having = (memory: Memory, { container }: Service): boolean =>
    memory.containers[container] !== undefined
  const commands: Record<string, Command> = {
    up: {
      flags: [
        '-d, --detach',
        '--build',
        '--no-build',
        '--force-recreate',
        '--no-deps',
        '--remove-orphans',
        '--quiet-pull',
        '--pull=',
        '--wait',
        '--wait-timeout=',
        '-t, --timeout=',
      ],
      words: any,
      run: withMemory(up),
    },
    down: {
      flags: ['--remove-orphans', '-t, --timeout='],
      words: any,
      run: withMemory(
        eachOf(async (memory, service) => {
          if (having(memory, service)) await remove(memory, service.container, true)
        }),
      ),
    },
    build: {
      flags: ['--build-arg=', '--no-cache', '--pull', '-q, --quiet'],
      words: any,
      run: withMemory(
        eachOf((memory, service) => {
          if (service.build !== undefined) build(memory, service.build.context, [service.image])
        }),
      ),
    },
    pull: {
      flags: ['-q, --quiet'],
      words: any,
      run: withMemory(eachOf((memory, { image }) => pull(memory, image))),
    },
    push: {
      flags: ['-q, --quiet'],
      words: any,
      run: withMemory(eachOf((memory, { image }) => push(memory, image))),
    },
    stop: {
      flags: ['-t, --timeout='],
      words: any,
      run: withMemory(
        eachOf(async (memory, service) =>
          having(memory, service) ? stop(memory, service.container) : undefined,
        ),
      ),
    },
    start: {
      flags: ['--wait'],
      words: any,
      run: withMemory(eachOf((memory, { container }) => start(memory, container))),
    },
    restart: {
      flags: ['-t, --timeout=', '--no-deps'],
      words: any,
      run: withMemory(
        eachOf(async (memory, { container }) => {
          await stop(memory, container)
          await start(memory, container)
        }),
      ),
    },
    ps: {
      flags: ['-a, --all', '--format=', '-q, --quiet', '--services', '--status=', '--no-trunc'],
      words: any,
      run: withMemory(ps),
    },
    logs: {
      flags: [
        '-f, --follow',
        '-n, --tail=',
        '--since=',
        '--no-log-prefix',
        '--no-color',
        '-t, --timestamps',
      ],
      words: any,
      run: withMemory(logs),
    },
    exec: {
      flags: ['-T, --no-TTY', '-e, --env=', '-u, --user=', '-w, --workdir='],
      words: [2, Infinity],
      rest: true,
      run: withMemory(exec),
    },
    config: {
      flags: ['-q, --quiet', '--images', '--services'],
      words: any,
      run: withMemory(async (call) => {
        for (const { name, image } of await servicesOf(call))
          if (!call.has('quiet'))
            say(
              call.has('services')
                ? name
                : call.has('images')
                  ? image
                  : `${name}: ${image} (${repositoryOf(image)})`,
            )
      }),
    },
  }
  return Object.fromEntries(
    Object.entries(commands).map(([name, command]) => [`compose ${name}`, command]),
  )
}
