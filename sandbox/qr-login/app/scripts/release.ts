// How a release folder is made from the source, and how one is looked at.
// The code is stripped of its types, so that a release runs as it is, without a
// build step on the machine that serves it.
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
import { basename, dirname, join, relative } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

export interface Order {
  /** The folder that holds src/. */
  source: string
  /** Where the release folder is to be. */
  out: string
  version: string
  /** Folders and files of src/ that this release does not have. */
  without?: readonly string[]
  /** The file of src/ that lists this release's features. */
  features?: string
  tables: readonly string[]
}

interface Manifest {
  version: string
  files: Record<string, string>
}

const DEPENDENCIES = ['pg', 'jose'] as const

function filesIn(dir: string): string[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(dir, join(entry.parentPath, entry.name)))
    .sort()
}

const sha256 = (file: string): string =>
  createHash('sha256').update(readFileSync(file)).digest('hex')

function strip(code: string): string {
  return stripTypeScriptTypes(code).replace(/(from\s+'\.{1,2}\/[^']+)\.ts'/g, "$1.js'")
}

/** The folder of an installed package, wherever above the source it lies. */
function packageFolder(name: string): string {
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

function copySource(order: Order, into: string): void {
  const src = join(order.source, 'src')
  const left = order.without ?? []
  for (const name of filesIn(src)) {
    if (name.startsWith('features.') || left.some((l) => name === l || name.startsWith(`${l}/`)))
      continue
    put(join(src, name), name)
  }
  put(join(src, order.features ?? 'features.ts'), 'features.ts')

  function put(from: string, name: string): void {
    const to = join(into, 'src', name.replace(/\.ts$/, '.js'))
    mkdirSync(dirname(to), { recursive: true })
    writeFileSync(to, strip(readFileSync(from, 'utf8')))
  }
}

/** The routes as the built code itself lists them: a release that does not load fails here. */
async function routesOf(dir: string): Promise<string[]> {
  const load = (name: string): Promise<Record<string, unknown>> =>
    import(pathToFileURL(join(dir, 'src', name)).href) as Promise<Record<string, unknown>>
  type Lister = (app: unknown, features?: unknown) => { method: string; path: string }[]
  const { features } = (await load('features.js')) as { features: { routes: Lister }[] }
  const { statusRoutes } = (await load('core/status.js')) as { statusRoutes: Lister }
  const routes = [
    ...statusRoutes({}, features),
    ...features.flatMap((feature) => feature.routes({})),
  ]
  return routes.map((route) => `${route.method} ${route.path}`)
}

export async function buildRelease(order: Order): Promise<void> {
  const releases = dirname(order.out)
  const name = basename(order.out)
  const current = join(releases, 'current')
  if (name === 'current') throw new Error('a release cannot be named current')
  // Rebuilding the folder that serves would swap its files under a running server.
  if (
    existsSync(current) &&
    existsSync(order.out) &&
    realpathSync(current) === realpathSync(order.out)
  ) {
    throw new Error(`release ${name} is being served; build another one and switch to it`)
  }
  const work = join(releases, `.building-${name}`)
  rmSync(work, { recursive: true, force: true })
  mkdirSync(work, { recursive: true })
  copySource(order, work)
  const pack = JSON.parse(readFileSync(join(order.source, 'package.json'), 'utf8')) as {
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
  write('release.json', { version: order.version, tables: order.tables })
  for (const file of ['Dockerfile', '.dockerignore'])
    if (existsSync(join(order.source, file)))
      copyFileSync(join(order.source, file), join(work, file))
  // Nothing is downloaded: the packages that are installed here are linked.
  mkdirSync(join(work, 'node_modules'))
  for (const dependency of DEPENDENCIES)
    symlinkSync(packageFolder(dependency), join(work, 'node_modules', dependency))
  write('routes.json', await routesOf(work))
  const files: Record<string, string> = {}
  for (const file of filesIn(work))
    if (!file.startsWith('node_modules')) files[file] = sha256(join(work, file))
  write('manifest.json', { version: order.version, files } satisfies Manifest)
  // The folder appears whole or not at all.
  rmSync(order.out, { recursive: true, force: true })
  renameSync(work, order.out)
}

export interface Look {
  version: string
  routes: string[]
  /** Files that differ from what was built, are gone, or came in. */
  changed: string[]
}

export function lookAtRelease(dir: string): Look {
  const manifest = JSON.parse(readFileSync(join(dir, 'manifest.json'), 'utf8')) as Manifest
  const there = filesIn(dir).filter((f) => !f.startsWith('node_modules') && f !== 'manifest.json')
  const changed = [...new Set([...Object.keys(manifest.files), ...there])].filter(
    (f) =>
      !existsSync(join(dir, f)) ||
      !statSync(join(dir, f)).isFile() ||
      manifest.files[f] !== sha256(join(dir, f)),
  )
  const routes = JSON.parse(readFileSync(join(dir, 'routes.json'), 'utf8')) as string[]
  return { version: manifest.version, routes, changed }
}
