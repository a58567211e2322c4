// Stand-in for docker: images are release folders, the registry is a list, and
// the one container, hotel-assistant, is the sandbox's supervised release.
import { askSupervisor } from '../supervisor/control-client.ts'
import {
  begin,
  currentRelease,
  fail,
  imageOfCurrent,
  keep,
  parse,
  pointTo,
  releaseOf,
  remember,
  supervisor,
} from './stand-in.ts'

const NAME = 'hotel-assistant'
const args = begin('docker')
const verb = args.shift() ?? ''

function usage(flag: string): never {
  return fail(2, `docker ${verb}: unknown flag or argument: ${flag}`)
}

function words(
  count: number,
  takes: readonly string[],
  bare: readonly string[],
): { words: string[]; flags: Map<string, string> } {
  const parsed = parse(args, takes, bare, usage)
  if (parsed.words.length !== count)
    fail(2, `docker ${verb}: ${count} arguments are needed, ${parsed.words.length} given`)
  return parsed
}

const memory = remember()
// What serves was started from some image, so that image is here.
const serving = imageOfCurrent(memory.container, memory.images)
memory.images[serving] = currentRelease()
switch (verb) {
  case 'build': {
    const {
      words: [context = ''],
      flags,
    } = words(1, ['-t', '--tag', '-f', '--file'], ['--pull', '--quiet', '-q'])
    const tag =
      flags.get('-t') ?? flags.get('--tag') ?? fail(2, 'docker build: a tag is needed here (--tag)')
    const release = releaseOf(context) ?? fail(1, `ERROR: ${context} is no release folder`)
    memory.images[tag] = release
    process.stdout.write(`naming to ${tag} done\n`)
    break
  }
  case 'tag': {
    const {
      words: [from = '', to = ''],
    } = words(2, [], [])
    memory.images[to] =
      memory.images[from] ?? fail(1, `Error response from daemon: No such image: ${from}`)
    break
  }
  case 'push': {
    const {
      words: [image = ''],
    } = words(1, [], ['--quiet', '-q'])
    memory.pushed[image] =
      memory.images[image] ?? fail(1, `An image does not exist locally with the tag: ${image}`)
    process.stdout.write(`${image}: pushed\n`)
    break
  }
  case 'inspect': {
    const {
      words: [name = ''],
      flags,
    } = words(1, ['--format', '-f'], [])
    const format = flags.get('--format') ?? flags.get('-f')
    if (name !== NAME) fail(1, `Error: No such object: ${name}`)
    if (format !== '{{.Config.Image}}')
      usage(`--format ${format ?? '(none)'}; here {{.Config.Image}} only`)
    process.stdout.write(`${serving}\n`)
    break
  }
  case 'image':
  case 'manifest': {
    // `image inspect` looks here, `manifest inspect` in the registry.
    const {
      words: [what = '', image = ''],
    } = words(2, [], [])
    if (what !== 'inspect') usage(what)
    const known = verb === 'image' ? memory.images : memory.pushed
    if (known[image] === undefined)
      fail(1, verb === 'image' ? `Error: No such image: ${image}` : `no such manifest: ${image}`)
    process.stdout.write(`${JSON.stringify({ image, release: known[image] })}\n`)
    break
  }
  case 'rm': {
    const {
      words: [name = ''],
      flags,
    } = words(1, [], ['-f', '--force'])
    if (name !== NAME) fail(1, `Error response from daemon: No such container: ${name}`)
    if (!flags.has('-f') && !flags.has('--force'))
      fail(1, `Error response from daemon: container ${NAME} is running: stop it or force`)
    memory.container = serving
    await askSupervisor(supervisor(), 'stop')
    break
  }
  case 'run': {
    const {
      words: [image = ''],
      flags,
    } = words(1, ['--name', '--restart', '-p', '--publish', '--env-file'], ['-d', '--detach'])
    if (flags.get('--name') !== NAME) fail(2, `docker run: here the name is ${NAME}`)
    if (!flags.has('-d') && !flags.has('--detach')) fail(2, 'docker run: here detached only')
    if ((await askSupervisor(supervisor(), 'status')).state === 'active') {
      fail(
        125,
        `docker: Error response from daemon: Conflict. The container name "/${NAME}" is already in use.`,
      )
    }
    const release = memory.images[image] ?? fail(125, `Unable to find image '${image}' locally`)
    pointTo(release)
    memory.container = image
    const { state } = await askSupervisor(supervisor(), 'start')
    if (state !== 'active') fail(125, 'docker: the container ended at once; see logs/unit.log')
    break
  }
  default:
    fail(
      2,
      `docker: '${verb}' is not a docker command here. (This stand-in knows build, tag, push, inspect, image inspect, manifest inspect, rm, run.)`,
    )
}
keep(memory)
