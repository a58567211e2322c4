// How a release folder is made from an app's source, and how one is looked at.
// The code is stripped of its types, so that a release runs as it is, without a
// build step on the machine that serves it. What it takes from ../kit comes along.
import { createHash } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/** What a system's builds have in common. */
export interface Source {
  /** The folder that holds package.json and what `folders` names. */
  root: string
  /** Folders of the source that a release has; `src` when left out. */
  folders?: readonly string[]
  /** Files and folders that are copied as they are, where they are there. */
  copies?: readonly string[]
  /** Packages that it needs. Those that are installed here are linked; nothing is downloaded. */
  dependencies: readonly string[]
  /** Makes in the release what is no source of it, such as a bundle of a web application. */
  make?: (release: string) => Promise<void>
  /** Reads the routes out of a built release, by loading it: one that does not load fails its build. */
  routes?: (release: string) => Promise<string[]>
}

export interface Order {
  /** Where the release folder is to be. */
  out: string
  version: string
  /**
   * The release before this one: `a.previous.ts` of the source takes the place of `a.ts`. All other
   * releases are made without such files.
   */
  previous?: boolean
  /** Files and folders that this release does not have, as in `src/qr`. */
  without?: readonly string[]
  /** What release.json says besides the version; see kit/release.ts. */
  settings: Readonly<Record<string, unknown>>
}

interface Manifest {
  version: string
  files: Record<string, string>
}

const KIT = resolve(import.meta.dirname, '../kit')

function filesIn(dir: string): string[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(dir, join(entry.parentPath, entry.name)))
    .sort()
}

const sha256 = (file: string): string =>
  createHash('sha256').update(readFileSync(file)).digest('hex')

/** The folder of an installed package, wherever above the source it lies. */
export function packageFolder(name: string): string {
  let at = dirname(fileURLToPath(import.meta.resolve(name)))
  while (
    !existsSync(join(at, 'package.json')) ||
    (JSON.parse(readFileSync(join(at, 'package.json'), 'utf8')) as { name?: string }).name !== name
  ) {
    const up = dirname(at)
    if (up === at) throw new Error(`package ${name} is not installed`)
    at = up
  }
  return realpathSync(at)
}

/** Writes a source file into the release, as JavaScript where it is TypeScript. */
function put(from: string, name: string, work: string): void {
  const to = join(work, name.replace(/\.ts$/, '.js'))
  mkdirSync(dirname(to), { recursive: true })
  if (!name.endsWith('.ts')) {
    copyFileSync(from, to)
    return
  }
  const code = stripTypeScriptTypes(readFileSync(from, 'utf8'))
  const renamed = code.replace(
    /((?:from|import)\s*\(?\s*')(\.{1,2}\/[^']+)\.ts'/g,
    (_, before: string, specifier: string) => {
      // A source elsewhere has the kit by a link.
      const target = realpathSync(resolve(dirname(from), `${specifier}.ts`)).slice(0, -'.ts'.length)
      const inKit = target.startsWith(`${KIT}/`) && !from.startsWith(`${KIT}/`)
      const there = inKit
        ? relative(dirname(to), join(work, 'kit', relative(KIT, target)))
        : specifier
      return `${before}${there.startsWith('.') ? there : `./${there}`}.js'`
    },
  )
  writeFileSync(to, renamed)
}

function copySource(source: Source, order: Order, work: string): void {
  const left = order.without ?? []
  for (const folder of source.folders ?? ['src']) {
    for (const file of filesIn(join(source.root, folder))) {
      const name = join(folder, file)
      if (left.some((one) => name === one || name.startsWith(`${one}/`))) continue
      if (/\.previous\.\w+$/.test(name)) continue
      const before = join(source.root, name.replace(/\.(\w+)$/, '.previous.$1'))
      put(
        order.previous === true && existsSync(before) ? before : join(source.root, name),
        name,
        work,
      )
    }
  }
  for (const file of filesIn(KIT)) put(join(KIT, file), join('kit', file), work)
  for (const name of source.copies ?? []) {
    const from = join(source.root, name)
    if (!existsSync(from)) continue
    const files = statSync(from).isDirectory() ? filesIn(from).map((f) => join(name, f)) : [name]
    for (const file of files) {
      mkdirSync(dirname(join(work, file)), { recursive: true })
      copyFileSync(join(source.root, file), join(work, file))
    }
  }
}

/** Makes a release folder; it appears whole or not at all, and never takes the place of one that serves. */
export async function buildRelease(source: Source, order: Order): Promise<void> {
  const releases = dirname(order.out)
  const name = basename(order.out)
  if (isServed(releases, name))
    throw new Error(`release ${name} is being served; build another one and switch to it`)
  const work = join(releases, `.building-${name}`)
  rmSync(work, { recursive: true, force: true })
  mkdirSync(work, { recursive: true })
  copySource(source, order, work)
  const pack = JSON.parse(readFileSync(join(source.root, 'package.json'), 'utf8')) as {
    name: string
    dependencies: Record<string, string>
  }
  const write = (file: string, value: unknown): void =>
    writeFileSync(join(work, file), JSON.stringify(value, null, 2) + '\n')
  write('package.json', {
    name: pack.name,
    version: order.version,
    private: true,
    type: 'module',
    dependencies: pack.dependencies,
  })
  write('release.json', { version: order.version, ...order.settings })
  for (const dependency of source.dependencies) {
    const to = join(work, 'node_modules', dependency)
    mkdirSync(dirname(to), { recursive: true })
    symlinkSync(packageFolder(dependency), to)
  }
  await source.make?.(work)
  write('routes.json', (await source.routes?.(work)) ?? [])
  const files: Record<string, string> = {}
  for (const file of filesIn(work))
    if (!file.startsWith('node_modules')) files[file] = sha256(join(work, file))
  write('manifest.json', { version: order.version, files } satisfies Manifest)
  rmSync(order.out, { recursive: true, force: true })
  renameSync(work, order.out)
}

/** Whether a link among the releases points to it: rebuilding it would swap files under a running server. */
function isServed(releases: string, name: string): boolean {
  const folder = join(releases, name)
  if (!existsSync(folder)) return false
  const links = readdirSync(releases, { withFileTypes: true }).filter((one) => one.isSymbolicLink())
  if (links.some((link) => link.name === name)) throw new Error(`a release cannot be named ${name}`)
  return links.some(
    ({ name: link }) =>
      existsSync(join(releases, link)) &&
      realpathSync(join(releases, link)) === realpathSync(folder),
  )
}

export interface Look {
  /** False where there is no release; the rest is then empty. */
  there: boolean
  version: string
  routes: string[]
  /** Files that differ from what was built, are gone, or came in. */
  changed: string[]
}

export function lookAtRelease(dir: string): Look {
  if (!existsSync(join(dir, 'manifest.json')))
    return { there: false, version: '', routes: [], changed: [] }
  const manifest = JSON.parse(readFileSync(join(dir, 'manifest.json'), 'utf8')) as Manifest
  const there = filesIn(dir).filter((f) => !f.startsWith('node_modules') && f !== 'manifest.json')
  const changed = [...new Set([...Object.keys(manifest.files), ...there])].filter(
    (f) =>
      !existsSync(join(dir, f)) ||
      !statSync(join(dir, f)).isFile() ||
      manifest.files[f] !== sha256(join(dir, f)),
  )
  const routes = JSON.parse(readFileSync(join(dir, 'routes.json'), 'utf8')) as string[]
  return { there: true, version: manifest.version, routes, changed }
}
