// What a release of the device passports is made of: the API as it is, and the web
// application in a bundle.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { rolldown } from 'rolldown'
import { type Source, buildRelease } from '../../../shared/build/release.ts'
import { readEnvFile } from '../../../shared/host/process.ts'

const root = join(import.meta.dirname, '..')
const web = join(root, 'apps/web')

/** The routes as the built code itself lists them. */
async function routesIn(dir: string): Promise<string[]> {
  const load = (name: string): Promise<Record<string, unknown>> =>
    import(pathToFileURL(join(dir, 'apps/api/src', name)).href) as Promise<Record<string, unknown>>
  const { routesOf } = (await load('server.js')) as {
    routesOf: (app: unknown, features: unknown) => { method: string; path: string }[]
  }
  const { features } = await load('features.js')
  const config = { requests: {}, bcryptRounds: 4 }
  const app = { config, release: { version: '' } }
  return routesOf(app, features).map(({ method, path }) => `${method} ${path}`)
}

/** What the web application's environment file says; only names with VITE_ come into a bundle. */
function viteVariables(): Record<string, string> {
  const folder = process.env['CONFIG'] ?? ''
  const file = folder === '' ? {} : readEnvFile(join(folder, 'web/.env.production'))
  const given = Object.entries({ ...process.env, ...file })
  return Object.fromEntries(
    given.flatMap(([name, value]) =>
      name.startsWith('VITE_') && value !== undefined ? [[name, value]] : [],
    ),
  )
}

/** The bundle: what others wrote apart from what is ours, each page in a file of its own. */
async function bundle(dir: string): Promise<void> {
  const dist = join(dir, 'apps/web/dist')
  const built = await rolldown({
    input: { index: join(web, 'src/main.ts') },
    transform: { define: { 'import.meta.env': JSON.stringify(viteVariables()) } },
    logLevel: 'silent',
  })
  const { output } = await built.write({
    dir: dist,
    format: 'esm',
    minify: true,
    entryFileNames: 'assets/[name]-[hash].js',
    chunkFileNames: 'assets/[name]-[hash].js',
    codeSplitting: { groups: [{ name: 'vendor', test: /node_modules/ }] },
  })
  await built.close()
  const entry = output.find((one) => one.type === 'chunk' && one.isEntry)
  if (entry?.type !== 'chunk') throw new Error('the bundle has no entry')
  const preloads = entry.imports.map((name) => `<link rel="modulepreload" href="/${name}" />`)
  const page = readFileSync(join(web, 'index.html'), 'utf8')
    .replace('/src/main.ts', `/${entry.fileName}`)
    .replace('</head>', `  ${preloads.join('')}\n  </head>`)
  mkdirSync(dist, { recursive: true })
  writeFileSync(join(dist, 'index.html'), page)
}

export const passport: Source = {
  root,
  folders: ['apps/api/src', 'apps/web/server', 'packages/shared/src'],
  dependencies: ['@redis/client', 'bcryptjs', 'jose', 'pg', 'ws'],
  make: bundle,
  routes: routesIn,
}

/** The release before passports could be scanned. */
export function buildPrevious(out: string, version: string): Promise<void> {
  return buildRelease(passport, {
    out,
    version,
    previous: true,
    without: ['auth', 'devices', 'scan', 'users'].map((name) => `apps/api/src/${name}.ts`),
    settings: { tables: ['users', 'devices'] },
  })
}
