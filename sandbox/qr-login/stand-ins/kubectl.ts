// Stand-in for kubectl: one deployment, hotel-assistant, with one container, app.
// A new image is pulled from the stand-in registry and the supervised release is
// switched to it; an image that was never pushed is never pulled.
import { setTimeout as sleep } from 'node:timers/promises'
import { askSupervisor } from '../supervisor/control-client.ts'
import {
  type Memory,
  begin,
  currentRelease,
  fail,
  imageOfCurrent,
  keep,
  parse,
  pointTo,
  remember,
  supervisor,
} from './stand-in.ts'

const IMAGE_PATH = '{.spec.template.spec.containers[0].image}'
const args = begin('kubectl')

const { words, flags } = parse(
  args,
  ['-n', '--namespace', '-o', '--output', '--timeout', '--to-revision'],
  ['--record'],
  (flag) => fail(2, `error: unknown flag: ${flag}`),
)
const [verb = '', second = '', ...rest] = words
const memory = remember()

// The deployment has the image of what serves: at the first call, and when the
// release was switched by other means. (An image that cannot be pulled stays asked for.)
const asked = memory.revisions.at(-1)
if (asked === undefined || (memory.pushed[asked] ?? currentRelease()) !== currentRelease()) {
  const image = imageOfCurrent(asked, memory.pushed)
  memory.revisions.push(image)
  memory.pushed[image] = currentRelease()
  keep(memory)
}

function only(...names: string[]): void {
  for (const flag of flags.keys())
    if (!['-n', '--namespace', ...names].includes(flag)) fail(2, `error: unknown flag: ${flag}`)
}

function deployment(given: string | undefined): void {
  if (given !== 'deployment/hotel-assistant' && given !== 'deploy/hotel-assistant') {
    fail(1, `Error from server (NotFound): deployments.apps "${given ?? ''}" not found`)
  }
}

async function roll(image: string, into: Memory): Promise<void> {
  if (into.revisions.at(-1) !== image) into.revisions.push(image)
  keep(into)
  const release = into.pushed[image]
  // Not in the registry: the old pods go on serving, and `rollout status` will say so.
  if (release === undefined || release === currentRelease()) return
  pointTo(release)
  await askSupervisor(supervisor(), 'restart')
}

function seconds(text: string): number {
  const match =
    /^(\d+)(s|m)$/.exec(text) ?? fail(2, `error: invalid argument "${text}" for "--timeout"`)
  return Number(match[1]) * (match[2] === 'm' ? 60 : 1)
}

async function ready(): Promise<boolean> {
  if (memory.pushed[memory.revisions.at(-1) ?? ''] !== currentRelease()) return false
  // A readiness probe of the deployment.
  return fetch(`${supervisor().app}/api/health`, { signal: AbortSignal.timeout(5_000) }).then(
    (a) => a.ok,
    () => false,
  )
}

switch (`${verb} ${second}`.trim()) {
  case 'set image': {
    only('--record')
    const [which, pair, more] = rest
    deployment(which)
    const image = /^app=(\S+)$/.exec(pair ?? '')?.[1]
    if (image === undefined || more !== undefined) fail(2, 'error: one of app=IMAGE is needed')
    if (flags.has('--record'))
      process.stderr.write(
        'Flag --record has been deprecated, --record will be removed in the future\n',
      )
    await roll(image, memory)
    process.stdout.write('deployment.apps/hotel-assistant image updated\n')
    break
  }
  case 'rollout status': {
    only('--timeout')
    deployment(rest[0])
    const until = Date.now() + seconds(flags.get('--timeout') ?? '60s') * 1000
    while (!(await ready())) {
      if (Date.now() > until) fail(1, 'error: timed out waiting for the condition')
      await sleep(250)
    }
    process.stdout.write('deployment "hotel-assistant" successfully rolled out\n')
    break
  }
  case 'rollout undo': {
    only('--to-revision')
    deployment(rest[0])
    const wanted = flags.get('--to-revision')
    const image =
      wanted === undefined || wanted === '0'
        ? memory.revisions.at(-2)
        : memory.revisions[Number(wanted) - 1]
    if (image === undefined)
      fail(1, 'error: no rollout history found for deployment "hotel-assistant"')
    await roll(image, memory)
    process.stdout.write('deployment.apps/hotel-assistant rolled back\n')
    break
  }
  default: {
    if (verb !== 'get')
      fail(
        2,
        `error: unknown command "${verb} ${second}". (This stand-in knows get, set image, rollout status, rollout undo.)`,
      )
    only('-o', '--output')
    deployment(second)
    const output = flags.get('-o') ?? flags.get('--output')
    if (output !== `jsonpath=${IMAGE_PATH}`)
      fail(2, `error: here the output is jsonpath=${IMAGE_PATH}`)
    process.stdout.write(memory.revisions.at(-1) ?? '')
  }
}
