// What is there before the first deployment: the same to the byte every time, so
// that "as before" can be compared; done once, whole or not at all.
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { pointTo } from './links.ts'

/** Connects to a server that may have been started a moment ago. */
async function connect(url: string): Promise<pg.Client> {
  for (let attempt = 1; ; attempt++) {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 })
    client.on('error', () => undefined)
    try {
      await client.connect()
      return client
    } catch (error) {
      // It was never connected: why is what counts.
      await client.end().catch(() => undefined)
      if (attempt === 20) throw error
      await sleep(500)
    }
  }
}

/**
 * Fills a database in one transaction, unless it was filled before.
 * @param mark a table that `fill` makes: where it is there, all is
 * @param fill makes tables and rows with fixed ids and times
 */
export async function seedDatabase(
  url: string,
  mark: string,
  fill: (client: pg.Client) => Promise<void>,
): Promise<void> {
  const client = await connect(url)
  try {
    const { rows } = await client.query<{ name: string | null }>(
      'SELECT to_regclass(quote_ident($1))::text AS name',
      [mark],
    )
    if (rows[0]?.name != null) return
    await client.query('BEGIN')
    await fill(client)
    // Where the server counts statements, the database can be asked for the counts.
    const { rows: counting } = await client.query(
      `SELECT 1 FROM pg_available_extensions WHERE name = 'pg_stat_statements'
        AND current_setting('shared_preload_libraries') LIKE '%pg_stat_statements%'`,
    )
    if (counting.length === 1)
      await client.query('CREATE EXTENSION IF NOT EXISTS pg_stat_statements')
    await client.query('COMMIT')
  } finally {
    await client.end()
  }
}

/** Makes a second database on the same server, unless it is there, and gives its address. */
export async function makeDatabase(url: string, suffix: string): Promise<string> {
  const at = new URL(url)
  at.pathname += suffix
  const name = decodeURIComponent(at.pathname.slice(1))
  const client = await connect(url)
  try {
    const { rows } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [name])
    if (rows.length === 0) await client.query(`CREATE DATABASE ${client.escapeIdentifier(name)}`)
  } finally {
    await client.end()
  }
  return at.href
}

/** Folders that a machine has before anything is deployed to it, so that no deployment makes them. */
export function seedFolders(dir: string, names: readonly string[]): void {
  for (const name of names) mkdirSync(join(dir, name), { recursive: true })
}

/**
 * The previous release, and the links that point to it; nothing where the first of them is there.
 * @param build makes the release folder at the path it is given
 */
export async function seedRelease(
  dir: string,
  version: string,
  build: (out: string) => Promise<void>,
  links: readonly string[] = ['current'],
): Promise<void> {
  const releases = join(dir, 'releases')
  if (existsSync(join(releases, links[0] ?? 'current'))) return
  mkdirSync(releases, { recursive: true })
  await build(join(releases, version))
  for (const link of [...links].reverse()) pointTo(dir, link, version)
}
