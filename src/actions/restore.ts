/** `restore`: a dump back into a database, whole or not at all. */
import { stat } from 'node:fs/promises'
import { textOf } from '../core/templates.ts'
import { utcNow } from '../lib/clock.ts'
import { databaseAddress } from '../lib/database-url.ts'
import { sha256OfFile } from '../lib/files.ts'
import type { Ending } from '../lib/ending.ts'
import type { ActionContext, Outcome, Verb } from './action.ts'
import { countTables, databaseEnvironment, demandTools, placed, recordedChecksum } from './dumps.ts'
import { performGated, problemOf, recoverProcess, remarks } from './gated.ts'

type Looked = { sha256: string; tables: number } | { problem: string }

/** Everything that can be known of a dump before it touches the database. */
async function look(file: string, path: string, context: ActionContext): Promise<Looked> {
  const sha256 = await sha256OfFile(path)
  if (sha256 === undefined) return { problem: `there is no file ${file}` }
  const recorded = await recordedChecksum(path)
  if (recorded !== null && recorded !== sha256) {
    return {
      problem: `${file} is not what was backed up: its checksum differs from ${file}.sha256`,
    }
  }
  const counted = await countTables(path, context)
  return 'problem' in counted ? counted : { sha256, ...counted }
}

async function conclude(
  ending: Ending,
  file: string,
  looked: Looked,
  context: ActionContext,
): Promise<Outcome> {
  const said = remarks(ending, context)
  const problem = problemOf(ending, context)
  if (problem !== undefined) return { fields: {}, problem, ...said }
  if (ending.exit_code !== 0) {
    const message = `pg_restore ended with exit code ${ending.exit_code}; the database is as it was`
    return { fields: {}, problem: { kind: 'failed', message }, ...said }
  }
  const known = 'problem' in looked ? { sha256: null, tables: null } : looked
  const size = await stat(placed(context, file)).then(
    (found) => found.size,
    () => null,
  )
  return { fields: { file, size, ...known, at: utcNow(), previous: null }, ...said }
}

export const restore: Verb<'restore'> = {
  async perform(action, context) {
    demandTools(context, 'pg_restore')
    const url = textOf(context.resolve(action.database))
    const file = textOf(context.resolve(action.file))
    const path = placed(context, file)
    const looked = await look(file, path, context)
    if ('problem' in looked)
      return { fields: {}, problem: { kind: 'failed', message: looked.problem } }
    const argv = [
      'pg_restore',
      '--clean',
      '--if-exists',
      '--single-transaction',
      '--exit-on-error',
      '--no-password',
      `--dbname=${conninfo(databaseAddress(url).database)}`,
      path,
    ]
    const env = databaseEnvironment(context, url)
    const ending = await performGated({ ...context, env }, { command: { argv } })
    return conclude(ending, file, looked, context)
  },

  recover(action, context, running, wrapper) {
    const file = textOf(context.resolve(action.file))
    return recoverProcess(context, wrapper, running, async (ending) =>
      conclude(ending, file, await look(file, placed(context, file), context), context),
    )
  },
}

/** A name that looks like a URL or a list of settings would be read as one. */
function conninfo(database: string): string {
  return `dbname='${database.replaceAll(/['\\]/g, '\\$&')}'`
}
