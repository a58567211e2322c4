// What a release of the hotel assistant is made of.
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Source, buildRelease } from '../../../shared/build/release.ts'

/** The routes as the built code itself lists them. */
async function routesOf(dir: string): Promise<string[]> {
  const load = (name: string): Promise<Record<string, unknown>> =>
    import(pathToFileURL(join(dir, 'src', name)).href) as Promise<Record<string, unknown>>
  type Lister = (app: unknown) => { method: string; path: string }[]
  const { features } = (await load('features.js')) as { features: { routes: Lister }[] }
  const { statusRoutes } = (await load('core/status.js')) as { statusRoutes: Lister }
  const routes = [...statusRoutes({}), ...features.flatMap((feature) => feature.routes({}))]
  return routes.map((route) => `${route.method} ${route.path}`)
}

export const hotel: Source = {
  root: join(import.meta.dirname, '..'),
  copies: ['Dockerfile', '.dockerignore'],
  dependencies: ['pg', 'jose'],
  routes: routesOf,
}

/** The release before the QR login. */
export function buildPrevious(out: string, version: string): Promise<void> {
  const settings = { tables: ['User'] }
  return buildRelease(hotel, { out, version, previous: true, without: ['src/qr'], settings })
}
