/** `backup`: a dump of a PostgreSQL database, proven readable before it gets its name. */
import { open, rm, stat, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { milliseconds } from '../core/durations.ts'
import { textOf } from '../core/templates.ts'
import { utcStamp } from '../lib/clock.ts'
import { databaseAddress } from '../lib/database-url.ts'
import {
  makeFolder,
  readIfThere,
  renameDurably,
  sha256OfFile,
  syncFile,
  writeFileWhole,
} from '../lib/files.ts'
import type { Ending } from '../lib/ending.ts'
import type { ActionContext, Outcome, Verb } from './action.ts'
import {
  countTables,
  databaseEnvironment,
  demandTools,
  describeDump,
  dumpsIn,
  madeAt,
  placed,
  prefixOf,
  type Dump,
} from './dumps.ts'
import { performGated, problemOf, recoverProcess, remarks } from './gated.ts'

/** Settled before the gate and kept in the attempt's folder, so that who comes back knows it too. */
interface Plan {
  /** The folder as the runbook names it. */
  to: string
  /** Absolute. */
  path: string
  partial: string
  prefix: string
  previous: Dump | null
  keep_ms: number | null
}

const planFile = (context: ActionContext) => join(context.folder, 'backup.json')

async function settle(
  context: ActionContext,
  url: string,
  to: string,
  keep_ms: number | null,
): Promise<Plan> {
  const folder = placed(context, to)
  await makeFolder(folder)
  const prefix = prefixOf(databaseAddress(url).database)
  const there = await dumpsIn(folder, prefix)
  const stamp = utcStamp()
  const taken = there.filter(({ name }) => name.startsWith(`${prefix}-${stamp}`)).length
  const name = `${prefix}-${stamp}${taken === 0 ? '' : `.${taken}`}.dump`
  const last = there.at(-1)
  const plan: Plan = {
    to,
    path: join(folder, name),
    partial: join(folder, `.${name}.partial`),
    prefix,
    previous: last === undefined ? null : await describeDump(to, folder, last),
    keep_ms,
  }
  await makeFolder(context.folder)
  await writeFile(planFile(context), JSON.stringify(plan), { mode: 0o600 })
  return plan
}

/** What follows on pg_dump. Safe to repeat: a crash may have cut it anywhere. */
async function conclude(ending: Ending, plan: Plan, context: ActionContext): Promise<Outcome> {
  const said = remarks(ending, context)
  const failed = async (message: string): Promise<Outcome> => {
    await rm(plan.partial, { force: true })
    return { fields: {}, problem: { kind: 'failed', message }, ...said }
  }
  const problem = problemOf(ending, context)
  if (problem !== undefined) return { ...(await failed('')), problem }
  if (ending.exit_code !== 0) return failed(`pg_dump ended with exit code ${ending.exit_code}`)

  const unnamed = await sha256OfFile(plan.partial)
  const path = unnamed === undefined ? plan.path : plan.partial
  const sha256 = unnamed ?? (await sha256OfFile(plan.path))
  if (sha256 === undefined) return failed('pg_dump wrote no file')
  const counted = await countTables(path, context)
  if ('problem' in counted) return failed(counted.problem)
  if (path === plan.partial) {
    await syncFile(path)
    // The checksum first: a dump that has its name has its checksum.
    await writeFileWhole(`${plan.path}.sha256`, `${sha256}  ${basename(plan.path)}\n`)
    await renameDurably(path, plan.path)
  }
  const pruned = await prune(plan)
  const notes = [
    ...(said.notes ?? []),
    ...pruned.map((name) => `removed ${name}, older than is kept`),
  ]
  const name = basename(plan.path)
  return {
    fields: {
      file: join(plan.to, name),
      size: (await stat(plan.path)).size,
      sha256,
      tables: counted.tables,
      at: madeAt(name, plan.prefix) ?? '',
      previous: plan.previous,
    },
    ...said,
    ...(notes.length === 0 ? {} : { notes }),
  }
}

/** Removes what is older than is kept, counted from the newest, which always stays. */
async function prune(plan: Plan): Promise<string[]> {
  if (plan.keep_ms === null) return []
  const folder = dirname(plan.path)
  const dumps = await dumpsIn(folder, plan.prefix)
  const newest = Date.parse(dumps.at(-1)?.at ?? '')
  const old = dumps.slice(0, -1).filter(({ at }) => newest - Date.parse(at) > (plan.keep_ms ?? 0))
  for (const { name } of old) {
    if (name === basename(plan.path)) continue
    await rm(join(folder, name), { force: true })
    await rm(join(folder, `${name}.sha256`), { force: true })
  }
  return old.map(({ name }) => name)
}

export const backup: Verb<'backup'> = {
  async perform(action, context) {
    demandTools(context, 'pg_dump', 'pg_restore')
    const url = textOf(context.resolve(action.database))
    const env = databaseEnvironment(context, url)
    const keep_ms =
      action.keep === undefined ? null : milliseconds(textOf(context.resolve(action.keep)))
    const plan = await settle(context, url, textOf(context.resolve(action.to)), keep_ms)
    // Made by us, so that nobody else can read it even while pg_dump writes into it.
    await (await open(plan.partial, 'w', 0o600)).close()
    const argv = ['pg_dump', '--format=custom', '--no-password', `--file=${plan.partial}`]
    try {
      const ending = await performGated({ ...context, env }, { command: { argv } })
      return await conclude(ending, plan, context)
    } catch (error) {
      await rm(plan.partial, { force: true })
      throw error
    }
  },

  async recover(_action, context, running, wrapper) {
    const text = await readIfThere(planFile(context))
    if (text === undefined) return { state: 'unknown' }
    const plan = JSON.parse(text) as Plan
    const found = await recoverProcess(context, wrapper, running, (ending) =>
      conclude(ending, plan, context),
    )
    if (found.state !== 'ended') await rm(plan.partial, { force: true })
    return found
  },
}
