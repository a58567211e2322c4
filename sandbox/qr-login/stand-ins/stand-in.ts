// What every stand-in shares: a record of its calls, a way to be told to fail,
// strictness about arguments, and where the sandbox is.
import {
  appendFileSync,
  existsSync,
  lstatSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { type Address, readAddress } from '../supervisor/control-client.ts'

export function fail(code: number, message: string): never {
  process.stderr.write(`${message}\n`)
  process.exit(code)
}

/** Call this first: records the call, and fails when the test wants it to. */
export function begin(tool: string): string[] {
  const args = process.argv.slice(2)
  const record = process.env['STANDIN_RECORD']
  if (record !== undefined && record !== '')
    appendFileSync(record, JSON.stringify({ tool, args }) + '\n')
  // STANDIN_FAIL=kubectl, or "kubectl rollout" for that one command; several with commas.
  const line = [tool, ...args].join(' ')
  for (const word of (process.env['STANDIN_FAIL'] ?? '').split(',')) {
    if (word !== '' && (line === word || line.startsWith(`${word} `)))
      fail(1, `${tool}: told to fail by STANDIN_FAIL`)
  }
  return args
}

export interface Parsed {
  words: string[]
  flags: Map<string, string>
}

/**
 * Splits arguments. `takes` lists the flags that have a value, `bare` those that
 * have none; any other flag is refused, as the real tool would refuse it.
 */
export function parse(
  args: readonly string[],
  takes: readonly string[],
  bare: readonly string[],
  unknown: (flag: string) => never,
): Parsed {
  const words: string[] = []
  const flags = new Map<string, string>()
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? ''
    if (!arg.startsWith('-') || arg === '-') {
      words.push(arg)
      continue
    }
    const at = arg.indexOf('=')
    const name = at === -1 ? arg : arg.slice(0, at)
    if (takes.includes(name)) {
      const value = at === -1 ? args[++i] : arg.slice(at + 1)
      if (value === undefined) unknown(`${name} (without its value)`)
      flags.set(name, value)
    } else if (bare.includes(arg)) flags.set(arg, '')
    else unknown(arg)
  }
  return { words, flags }
}

/** The sandbox's folder: the one that holds the folder of releases. */
export function place(): string {
  const releases = process.env['RELEASES']
  if (releases === undefined || releases === '')
    fail(1, 'RELEASES is not set: there is no sandbox to act on')
  return dirname(releases)
}

export function supervisor(): Address {
  const address = readAddress(place())
  if (address === undefined) fail(1, 'the sandbox is not running')
  return address
}

export function currentRelease(): string {
  return basename(readlinkSync(join(place(), 'releases', 'current')))
}

/** Points `current` to a release, in one move. */
export function pointTo(release: string): void {
  const releases = join(place(), 'releases')
  if (!existsSync(join(releases, release))) fail(1, `release ${release} is not there`)
  const link = join(releases, 'current.new')
  rmSync(link, { force: true })
  symlinkSync(release, link)
  renameSync(link, join(releases, 'current'))
}

/** What the tools' servers would remember. */
export interface Memory {
  /** Image name to release, of images that were built here. */
  images: Record<string, string>
  /** The same, of images in the registry. */
  pushed: Record<string, string>
  /** Images of the deployment, the oldest first; the last one is asked for now. */
  revisions: string[]
  container: string | null
  /** Deployment address to release. */
  deployments: Record<string, string>
}

const file = (): string => join(place(), 'stand-ins.json')

export function remember(): Memory {
  const empty: Memory = { images: {}, pushed: {}, revisions: [], container: null, deployments: {} }
  return existsSync(file())
    ? { ...empty, ...(JSON.parse(readFileSync(file(), 'utf8')) as Partial<Memory>) }
    : empty
}

export function keep(memory: Memory): void {
  writeFileSync(`${file()}.new`, JSON.stringify(memory, null, 2) + '\n')
  renameSync(`${file()}.new`, file())
}

/** The image name of what serves now: the one that is remembered, if it is that release. */
export function imageOfCurrent(
  remembered: string | null | undefined,
  images: Record<string, string>,
): string {
  const release = currentRelease()
  if (remembered != null && images[remembered] === release) return remembered
  return `${process.env['IMAGE'] ?? 'hotel-assistant'}:${release}`
}

/** A release folder's own version; undefined where the folder is none. */
export function releaseOf(folder: string): string | undefined {
  const at = join(folder, 'release.json')
  if (!existsSync(at) || !lstatSync(at).isFile()) return undefined
  return (JSON.parse(readFileSync(at, 'utf8')) as { version?: string }).version
}
