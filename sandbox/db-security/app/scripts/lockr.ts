// What a release of the vault is made of.
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Order, Source } from '../../../shared/build/release.ts'

/** The routes as the built code itself lists them. */
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

export const sourceIn = (root: string): Source => ({
  root,
  copies: ['Dockerfile', '.dockerignore'],
  dependencies: ['pg', 'jose'],
  routes: routesOf,
})

type Parts = Omit<Order, 'out' | 'version'>

const TABLES = ['users', 'vault_items']
const FLAKY = 'src/features.flaky.ts'

/** How releases differ; one that is not named is made of the source as it is. */
const RELEASES: Readonly<Record<string, Parts>> = {
  /** What serves before the first deployment. */
  '2.3.0': { previous: true, without: ['src/security', FLAKY], settings: { tables: TABLES } },
  /** Starts, and is not healthy: no migration makes the table that it asks for. */
  broken: { without: [FLAKY], settings: { tables: [...TABLES, 'security_events'] } },
}

export const partsOf = (version: string): Parts =>
  RELEASES[version] ?? { without: [FLAKY], settings: { tables: TABLES } }

export const PREVIOUS_VERSION = '2.3.0'
