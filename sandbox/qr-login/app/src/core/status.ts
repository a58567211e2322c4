// Health, version and metrics: every release has them.
import type { App, Feature } from '../app.ts'
import type { Route } from '../http.ts'

/** Empty when healthy; else what is wrong, in words that give no secret away. */
export async function selfCheck(app: App): Promise<string[]> {
  try {
    const rows = await app.db.query<{ name: string; there: boolean }>(
      `SELECT name, to_regclass(quote_ident(name)) IS NOT NULL AS there FROM unnest($1::text[]) AS name`,
      [app.release.tables],
    )
    return rows.filter((row) => !row.there).map((row) => `table ${row.name} is missing`)
  } catch {
    return ['the database does not answer']
  }
}

export function statusRoutes(app: App, features: readonly Feature[]): Route[] {
  async function active(): Promise<number | undefined> {
    for (const feature of features)
      if (feature.activeTokens !== undefined) return feature.activeTokens(app)
    return undefined
  }
  return [
    {
      method: 'GET',
      path: '/api/health',
      async handle() {
        const problems = await selfCheck(app)
        if (problems.length === 0) return { status: 200, json: { status: 'ok' } }
        app.log('error', 'self check failed', { problems: problems.join('; ') })
        return { status: 503, json: { status: 'degraded', problems } }
      },
    },
    {
      method: 'GET',
      path: '/version',
      handle: () => Promise.resolve({ status: 200, json: { version: app.release.version } }),
    },
    {
      method: 'GET',
      path: '/metrics',
      handle: async () => ({
        status: 200,
        text: app.metrics.text(await active()),
        type: 'text/plain; version=0.0.4; charset=utf-8',
      }),
    },
    {
      method: 'GET',
      path: '/metrics.json',
      handle: async () => ({ status: 200, json: app.metrics.json(await active()) }),
    },
  ]
}
