// Stand-in for docker: images are release folders, the registry is a list, and a
// running container is a unit of the sandbox. `docker compose` is in compose.ts.
import { existsSync } from 'node:fs'
import { composeCommands, composeFlags } from './compose.ts'
import {
  containerNamed,
  environmentOf,
  execute,
  isRunning,
  remove as removeContainer,
  rename,
  run,
  start,
  stop,
} from './containers.ts'
import { build, pull, push, reconcile, releaseOfImage, remove, tag } from './images.ts'
import { linesOf } from './logs.ts'
import { type Call, type Command, fail, runTool, say } from './tool.ts'
import { type Memory, keep, remember, repositoryOf, units, withTag } from './world.ts'

function usage(message: string): never {
  return fail(125, `docker: ${message}`)
}

/** With what is remembered, brought up to what serves, and kept afterwards. */
function withMemory(work: (call: Call, memory: Memory) => void | Promise<void>): Command['run'] {
  return async (call) => {
    const memory = remember()
    await reconcile(memory)
    // What was done before a refusal stays done.
    process.on('exit', () => keep(memory))
    await work(call, memory)
  }
}

async function runContainer({ words, ...flags }: Call, memory: Memory): Promise<void> {
  const [image = '', ...command] = words
  const files = flags.values('env-file')
  for (const file of files) if (!existsSync(file)) usage(`open ${file}: no such file or directory`)
  if (command.length > 0) {
    if (!flags.has('rm')) usage('here a container with a command of its own is run once (--rm)')
    execute(releaseOfImage(memory, image), command, flags.values('env'), files)
    return
  }
  if (!flags.has('detach')) usage('here detached only (--detach)')
  const name = flags.value('name') ?? `sandbox_${Object.keys(memory.containers).length}`
  await run(memory, name, withTag(image), flags.values('publish'))
  say(name)
}

/** The templates that are understood, by what they give. */
async function inspected(memory: Memory, name: string, format: string): Promise<string> {
  const { id, unit, image } = containerNamed(memory, name)
  const running = await isRunning(memory, name)
  const serving = running && (await units()).find((one) => one.id === unit)
  const known: Record<string, string> = {
    '{{.Id}}': id,
    '{{.Name}}': `/${name}`,
    '{{.Config.Image}}': image,
    '{{.State.Status}}': running ? 'running' : 'exited',
    '{{.State.Running}}': String(running),
    '{{.State.Pid}}': String((serving && serving.processes[0]?.pid) || 0),
  }
  return format.replace(
    /\{\{.*?\}\}|^\(none\)$/g,
    (one) => known[one] ?? usage(`here --format is made of ${Object.keys(known).join(' ')}`),
  )
}

async function listContainers({ has, value, values }: Call, memory: Memory): Promise<void> {
  const format =
    value('format') ?? (has('quiet') ? '{{.ID}}' : '{{.Names}}\t{{.Image}}\t{{.Status}}')
  const names = values('filter').map(
    (one) => /^name=\^?\/?(.*?)\$?$/.exec(one)?.[1] ?? usage(`here --filter name= only`),
  )
  for (const [name, { image }] of Object.entries(memory.containers)) {
    const running = await isRunning(memory, name)
    if ((!running && !has('all')) || !names.every((part) => name.includes(part))) continue
    const fields: Record<string, string> = {
      Names: name,
      ID: name,
      Image: image,
      Status: running ? 'Up' : 'Exited (0)',
      State: running ? 'running' : 'exited',
    }
    say(
      format.replace(
        /\{\{\.(\w+)\}\}/g,
        (_, field: string) => fields[field] ?? usage(`no field ${field} here`),
      ),
    )
  }
}

function listImages({ words: [wanted], value, has }: Call, memory: Memory): void {
  const format =
    value('format') ?? (has('quiet') ? '{{.ID}}' : '{{.Repository}}\t{{.Tag}}\t{{.ID}}')
  for (const [image, release] of Object.entries(memory.images)) {
    const repository = repositoryOf(image)
    if (wanted !== undefined && wanted !== image && wanted !== repository) continue
    const fields: Record<string, string> = {
      Repository: repository,
      Tag: image.slice(repository.length + 1),
      ID: release,
    }
    say(
      format.replace(
        /\{\{\.(\w+)\}\}/g,
        (_, field: string) => fields[field] ?? usage(`no field ${field} here`),
      ),
    )
  }
}

/** `image inspect` looks here, `manifest inspect` in the registry. */
function found(where: 'images' | 'pushed', none: string): Command['run'] {
  return withMemory(({ words }, memory) => {
    for (const image of words) {
      const release = memory[where][withTag(image)] ?? fail(1, `${none}: ${image}`)
      say(JSON.stringify({ image: withTag(image), release }))
    }
  })
}

async function logs(name: string, { value, has }: Call, memory: Memory): Promise<void> {
  if (has('follow')) usage('here logs do not follow: that never ends')
  const { unit } = containerNamed(memory, name)
  const of = (await units()).filter(({ id }) => id === unit)
  for (const line of linesOf(of, { since: value('since'), tail: value('tail') })) say(line)
}

const each =
  (work: (memory: Memory, name: string, call: Call) => void | Promise<void>) =>
  async (call: Call, memory: Memory): Promise<void> => {
    for (const name of call.words) {
      await work(memory, name, call)
      say(name)
    }
  }

const many = [1, Infinity] as const
const removeImage: Command = {
  flags: ['-f, --force', '--no-prune'],
  words: many,
  run: withMemory(({ words, has }, memory) => {
    for (const image of words) remove(memory, image, has('force'))
  }),
}
const images: Command = {
  flags: ['-a, --all', '-q, --quiet', '--format=', '--no-trunc'],
  words: [0, 1],
  run: withMemory(listImages),
}
const stopping = ['-s, --signal=', '-t, --timeout=', '--time=']
const ps: Command = {
  flags: ['-a, --all', '-f, --filter=', '--format=', '-q, --quiet', '--no-trunc'],
  run: withMemory(listContainers),
}

await runTool({
  name: 'docker',
  usage: 125,
  unknownFlag: (flag) => `docker: unknown flag: ${flag}`,
  groups: { compose: composeFlags },
  commands: {
    build: {
      flags: [
        '-t, --tag=',
        '-f, --file=',
        '--build-arg=',
        '--label=',
        '--target=',
        '--platform=',
        '--pull',
        '--no-cache',
        '-q, --quiet',
      ],
      words: [1, 1],
      run: withMemory(({ words: [context = ''], values }, memory) =>
        build(memory, context, values('tag')),
      ),
    },
    tag: {
      words: [2, 2],
      run: withMemory(({ words: [from = '', to = ''] }, memory) => tag(memory, from, to)),
    },
    push: {
      flags: ['-q, --quiet', '--platform='],
      words: [1, 1],
      run: withMemory(({ words: [image = ''] }, memory) => push(memory, image)),
    },
    pull: {
      flags: ['-q, --quiet', '--platform='],
      words: [1, 1],
      run: withMemory(({ words: [image = ''] }, memory) => pull(memory, image)),
    },
    images,
    'image ls': images,
    'image rm': removeImage,
    rmi: removeImage,
    'image inspect': { words: many, run: found('images', 'Error: No such image') },
    'manifest inspect': { words: [1, 1], run: found('pushed', 'no such manifest') },
    run: {
      flags: [
        ...[
          '-d, --detach',
          '--rm',
          '--init',
          '--read-only',
          '-i, --interactive',
          '-t, --tty',
          '-q, --quiet',
        ],
        ...[
          '--name=',
          '--restart=',
          '-p, --publish=',
          '-e, --env=',
          '--env-file=',
          '--network=',
          '-v, --volume=',
          '-u, --user=',
        ],
        ...[
          '-w, --workdir=',
          '-h, --hostname=',
          '-l, --label=',
          '-m, --memory=',
          '--cpus=',
          '--pull=',
          '--platform=',
          '--add-host=',
          '--health-cmd=',
        ],
      ],
      words: many,
      rest: true,
      run: withMemory(runContainer),
    },
    ps,
    'container ls': ps,
    inspect: {
      flags: ['-f, --format=', '--type='],
      words: many,
      run: withMemory(async ({ words, value }, memory) => {
        for (const name of words) say(await inspected(memory, name, value('format') ?? '(none)'))
      }),
    },
    stop: { flags: stopping, words: many, run: withMemory(each(stop)) },
    start: { words: many, run: withMemory(each(start)) },
    restart: {
      flags: stopping,
      words: many,
      run: withMemory(
        each(async (memory, name) => {
          await stop(memory, name)
          await start(memory, name)
        }),
      ),
    },
    rename: {
      words: [2, 2],
      run: withMemory(({ words: [from = '', to = ''] }, memory) => rename(memory, from, to)),
    },
    rm: {
      flags: ['-f, --force', '-v, --volumes'],
      words: many,
      run: withMemory(each((memory, name, { has }) => removeContainer(memory, name, has('force')))),
    },
    logs: {
      flags: ['-f, --follow', '--since=', '-n, --tail=', '-t, --timestamps'],
      words: [1, 1],
      run: withMemory((call, memory) => logs(call.words[0] ?? '', call, memory)),
    },
    exec: {
      flags: [
        '-e, --env=',
        '--env-file=',
        '-i, --interactive',
        '-t, --tty',
        '-u, --user=',
        '-w, --workdir=',
      ],
      words: [2, Infinity],
      rest: true,
      run: withMemory(async ({ words: [name = '', ...command], values }, memory) => {
        if (!(await isRunning(memory, name)))
          fail(1, `Error response from daemon: container ${name} is not running`)
        const { unit, image } = containerNamed(memory, name)
        const serving = (await units()).find(({ id }) => id === unit)
        execute(
          releaseOfImage(memory, image),
          command,
          values('env'),
          values('env-file'),
          serving && environmentOf(serving),
        )
      }),
    },
    ...composeCommands(withMemory),
  },
})
