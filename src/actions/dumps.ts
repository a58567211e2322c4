/** What `backup` and `restore` know of dumps: their names, their checksums, their tools. */
import { readdir, stat } from 'node:fs/promises'
import { basename, isAbsolute, join } from 'node:path'
import { EXIT, failure } from '../core/errors.ts'
import { pgEnvironment } from '../lib/database-url.ts'
import { readIfThere } from '../lib/files.ts'
import { runCommand } from '../lib/processes.ts'
import { which } from '../lib/which.ts'
import type { ActionContext } from './action.ts'

/** A backup as expressions see it. */
export interface Dump {
  /** As the runbook would name it: under the root, unless its folder was given absolute. */
  file: string
  size: number
  sha256: string | null
  at: string
}

const STAMP = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/

/** The path of a file that a runbook names. */
export function placed(context: Pick<ActionContext, 'root'>, path: string): string {
  return isAbsolute(path) ? path : join(context.root, path)
}

/** What a database's dumps are called before their stamp; a name is not always fit for a file. */
export function prefixOf(database: string): string {
  return database.replaceAll(/[^A-Za-z0-9._-]/g, '_').replace(/^\./, '_')
}

/** When a dump of that database was made, by its name; undefined for other files. */
export function madeAt(name: string, prefix: string): string | undefined {
  if (!name.startsWith(`${prefix}-`) || !name.endsWith('.dump')) return undefined
  const [stamp = ''] = name.slice(prefix.length + 1, -'.dump'.length).split('.')
  return STAMP.test(stamp) ? stamp.replace(STAMP, '$1-$2-$3T$4:$5:$6.000Z') : undefined
}

/** The finished dumps of a database in a folder, oldest first. */
export async function dumpsIn(
  folder: string,
  prefix: string,
): Promise<{ name: string; at: string }[]> {
  const names = await readdir(folder).catch(() => [])
  return names
    .map((name) => ({ name, at: madeAt(name, prefix) ?? '' }))
    .filter(({ at }) => at !== '')
    .sort((a, b) => (a.at === b.at ? a.name.localeCompare(b.name) : a.at < b.at ? -1 : 1))
}

/** The checksum in the file beside a dump; null when nobody wrote one. */
export async function recordedChecksum(path: string): Promise<string | null> {
  const text = await readIfThere(`${path}.sha256`)
  return /^[0-9a-f]{64}/.exec(text ?? '')?.[0] ?? null
}

/** A dump that is already there. */
export async function describeDump(
  to: string,
  folder: string,
  found: { name: string; at: string },
): Promise<Dump> {
  const path = join(folder, found.name)
  const { size } = await stat(path)
  return { file: join(to, found.name), size, sha256: await recordedChecksum(path), at: found.at }
}

/** How many tables a dump holds; a problem when it cannot be read whole enough to be listed. */
export async function countTables(
  path: string,
  context: Pick<ActionContext, 'env' | 'interrupt'>,
): Promise<{ tables: number } | { problem: string }> {
  const listed = await runCommand(['pg_restore', '--list', path], {
    env: context.env,
    interrupt: context.interrupt,
  })
  if (listed.code !== 0) return { problem: `${basename(path)} cannot be listed: ${listed.stderr}` }
  const entries = listed.stdout.match(/^\d+; \d+ \d+ TABLE (?!DATA |ATTACH )/gm)
  return { tables: entries?.length ?? 0 }
}

/** The environment of PostgreSQL's tools, without what would lead them to another server. */
export function databaseEnvironment(
  context: Pick<ActionContext, 'env'>,
  url: string,
): Record<string, string> {
  const env = { ...context.env, ...pgEnvironment(url) }
  for (const name of ['PGSERVICE', 'PGSERVICEFILE', 'PGHOSTADDR', 'PGOPTIONS']) delete env[name]
  return env
}

/** Throws exit 6, with the package to install, when a tool of PostgreSQL is not on the PATH. */
export function demandTools(context: Pick<ActionContext, 'env'>, ...tools: string[]): void {
  const missing = tools.filter((tool) => which(tool, context.env.PATH) === undefined)
  if (missing.length === 0) return
  throw failure(EXIT.precondition, `not on the PATH: ${missing.join(', ')}`, {
    hint: 'install it: apt install postgresql-client (Debian, Ubuntu), brew install libpq (macOS)',
  })
}
