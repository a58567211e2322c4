// What a release of the users module is made of.
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Source, buildRelease } from '../../../shared/build/release.ts'

/** The routes as the built code itself lists them. */
async function routesIn(dir: string): Promise<string[]> {
  const { routesOf } = (await import(pathToFileURL(join(dir, 'src/server.js')).href)) as {
    routesOf: (app: unknown) => { method: string; path: string }[]
  }
  const config = { loginsPerMinute: 1, bcryptRounds: 4 }
  return routesOf({ config }).map(({ method, path }) => `${method} ${path}`)
}

export const tickr: Source = {
  root: join(import.meta.dirname, '..'),
  copies: ['Dockerfile'],
  dependencies: ['bcryptjs', 'jose', 'pg', 'typeorm'],
  routes: routesIn,
}

/** The release before the users module. */
export function buildPrevious(out: string): Promise<void> {
  const settings = { tables: ['users'] }
  return buildRelease(tickr, {
    out,
    version: '1.0.0',
    previous: true,
    without: ['src/auth.ts', 'src/migrations/1764806400000-AddSessions.ts'],
    settings,
  })
}
