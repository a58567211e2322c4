// Stand-in for vercel: a deployment is a release folder, production is the
// sandbox's supervised release.
import { createHash } from 'node:crypto'
import { askSupervisor } from '../supervisor/control-client.ts'
import {
  begin,
  currentRelease,
  fail,
  keep,
  parse,
  pointTo,
  releaseOf,
  remember,
  supervisor,
} from './stand-in.ts'

const { words, flags } = parse(
  begin('vercel'),
  ['--cwd', '--timeout'],
  ['--prod', '--yes'],
  (flag) => fail(2, `Error: unknown or unexpected option: ${flag}`),
)
const [verb = '', subject, ...rest] = words
if (rest.length > 0) fail(2, `Error: unexpected argument ${rest[0] ?? ''}`)
const memory = remember()

const urlOf = (release: string): string =>
  `https://hotel-assistant-${createHash('sha256').update(release).digest('hex').slice(0, 9)}.vercel.app`

async function serve(release: string): Promise<void> {
  if (release === currentRelease()) return
  pointTo(release)
  const { state } = await askSupervisor(supervisor(), 'restart')
  if (state !== 'active') fail(1, 'Error: the deployment did not start')
}

memory.deployments[urlOf(currentRelease())] = currentRelease()
switch (verb) {
  case 'deploy': {
    if (subject !== undefined) fail(2, 'vercel deploy: here the folder is given by --cwd')
    if (!flags.has('--prod')) fail(2, 'vercel deploy: here to production only (--prod)')
    const release =
      releaseOf(flags.get('--cwd') ?? process.cwd()) ?? fail(1, 'Error: this folder is no release')
    const url = urlOf(release)
    memory.deployments[url] = release
    keep(memory)
    await serve(release)
    process.stdout.write(`${url}\n`)
    break
  }
  case 'inspect':
    // As there, the description goes to stderr.
    if (subject === undefined) fail(2, 'vercel inspect: a deployment or domain is needed')
    process.stderr.write(
      `  General\n\n    name\thotel-assistant\n    target\tproduction\n    status\tReady\n    url\t\t${urlOf(currentRelease())}\n`,
    )
    break
  case 'rollback': {
    if (subject === undefined) fail(2, 'vercel rollback: here the deployment must be named')
    await serve(
      memory.deployments[subject] ?? fail(1, `Error: Can't find the deployment "${subject}"`),
    )
    process.stdout.write(`Success! rolled back to ${subject}\n`)
    break
  }
  default:
    fail(
      2,
      `Error: unknown command ${verb}. (This stand-in knows deploy --prod, inspect, rollback.)`,
    )
}
keep(memory)
