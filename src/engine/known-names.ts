/** Names that a person gives of runs: none is taken for one that merely has nothing left to do. */
import { EXIT, failure, isRunbookError, type RunbookError } from '../core/errors.ts'
import { stepsNamed } from '../core/hosts.ts'
import { didYouMean, nearest } from '../core/problems.ts'
import type { Runbook } from '../core/runbook.ts'
import { runbookNames } from '../language/find.ts'
import { loadRunbook } from '../language/load.ts'
import type { RunHead } from '../stores/store.ts'
import { findRun, type KnownRun, type RunReference, type Session } from './session.ts'

/** As `findRun`, for what a person gave: throws exit 2 for a name that nothing is known of. */
export async function findMeant(
  session: Session,
  ref: RunReference,
  wanted?: (run: KnownRun) => boolean,
): Promise<KnownRun | undefined> {
  await demandKnown(session, ref)
  return findRun(session.store, ref, wanted)
}

/**
 * Throws exit 2 for a run, a runbook or an environment that neither the record nor a runbook knows, and
 * for a run of another environment than the one that is named with it.
 */
export async function demandKnown({ store, root }: Session, ref: RunReference): Promise<void> {
  const { run, environment } = ref
  const all = await store.runs()
  const heads = all.filter((head) => run === undefined || head.run === run || head.runbook === run)
  if (run !== undefined && heads.length === 0) throw unknownRun(root, run, all)
  if (environment === undefined) return
  const recorded = heads.map((head) => head.environment)
  if (recorded.includes(environment)) return
  const names = run === undefined ? undefined : heads.map(({ runbook }) => runbook)
  const today = (await readable(root, names)).flatMap((one) => Object.keys(one.environments))
  const known = [...new Set([...recorded, ...today])]
  if (known.includes(environment)) {
    const meant = heads.find((head) => head.run === run)
    if (meant === undefined) return
    throw failure(
      EXIT.usage,
      `run ${meant.run} is in ${meant.environment}, not in ${environment}`,
      {
        hint: `to mean that run leave out -e; what ran in ${environment}: runbook history -e ${environment}`,
      },
    )
  }
  const of = run === undefined ? '' : ` of ${heads[0]?.runbook ?? run}`
  throw unknown(`there is no environment "${environment}"${of}`, environment, known)
}

function unknownRun(root: string, run: string, all: readonly RunHead[]): RunbookError {
  const names = [...all.map(({ runbook }) => runbook), ...runbookNames(root).map((r) => r.name)]
  const history = 'see what ran: runbook history'
  if (names.includes(run))
    return failure(EXIT.usage, `nothing of ${run} has run`, { hint: history })
  // Runbooks are a choice; ids of runs are none.
  const near = nearest(run, names)
  const hint = near === undefined ? history : `did you mean "${near}"?`
  return failure(EXIT.usage, `there is no run "${run}"`, { hint })
}

export interface NamesInARun {
  scope?: string | undefined
  steps: readonly string[]
}

/**
 * For a command that found nothing to do in these runs: throws exit 2 for a scope or a step that
 * none of them has, nor their runbooks as they are today (any runbook, when there are no runs).
 */
export async function demandNames(
  { root }: Session,
  runs: readonly KnownRun[],
  { scope, steps }: NamesInARun,
): Promise<void> {
  if (scope === undefined && steps.length === 0) return
  const names = runs.length === 0 ? undefined : runs.map(({ head }) => head.runbook)
  const today = await readable(root, names)
  const plans = runs.map(({ plan }) => plan)
  const known = [...plans.flatMap((plan) => plan.steps), ...today.flatMap((one) => one.steps)]
  for (const step of steps) {
    if (stepsNamed(known, step).length > 0) continue
    const ids = new Set(known.map(({ id }) => id))
    throw unknown(`there is no step "${step}"`, step, [...ids])
  }
  const scopes = [
    ...plans.flatMap((plan) => Object.keys(plan.scopes)),
    ...today.flatMap((one) => Object.keys(one.scopes)),
  ]
  if (scope !== undefined && !scopes.includes(scope))
    throw unknown(`there is no rollback scope "${scope}"`, scope, [...new Set(scopes)])
}

/** The runbooks of these names, or all, as they are today; without those that cannot be read. */
async function readable(root: string, names?: readonly string[]): Promise<Runbook[]> {
  const found = runbookNames(root).filter(({ name }) => names?.includes(name) !== false)
  const read = found.map(({ path }) =>
    loadRunbook(path, root).catch((error: unknown) => {
      if (!isRunbookError(error)) throw error
      return undefined
    }),
  )
  return (await Promise.all(read)).flatMap((loaded) => loaded?.runbook ?? [])
}

function unknown(message: string, word: string, known: readonly string[]): RunbookError {
  return failure(EXIT.usage, message, {
    hint: didYouMean(word, known) ?? 'see what ran: runbook history',
  })
}
