import type { Command } from 'commander'
import { EXIT, failure, isRunbookError } from '../core/errors.ts'
import { formatDuration } from '../core/durations.ts'
import { demandLastResorts, lastResorts } from '../core/last-resort.ts'
import { stepsToUndo, type StepToUndo, type UndoRequest } from '../core/undo.ts'
import type { View } from '../core/view.ts'
import { rollback } from '../engine/operate.ts'
import { canBeUndone, findRun, isUndone, type KnownRun, type Session } from '../engine/session.ts'
import { outlet } from '../lib/outlet.ts'
import { olderText } from '../views/advice.ts'
import { nothingToDo, summary } from '../views/json.ts'
import { rollbackPlanText } from '../views/rollback-plan.ts'
import { driven } from './drive.ts'
import {
  driveFlags,
  environmentFlag,
  examples,
  list,
  outputFlags,
  storeFlag,
  variableFlag,
  type RunFlags,
} from './flags.ts'
import { confirmTarget } from './prepare.ts'
import { runMeant, secretsChanged } from './run-meant.ts'
import { noRun, print, printNothing } from './print.ts'
import { withSession } from './session.ts'
import { viewFor } from './viewing.ts'

interface Flags extends RunFlags {
  scope?: string
  to?: string
  lastResort?: string[]
  dryRun?: boolean
}

export function define(command: Command, exit: (code: number) => void): void {
  command.argument(
    '[run]',
    "a run id, or a runbook's name; left out: the newest run with something to undo",
  )
  environmentFlag(command, "with a runbook's name: which of its environments")
  variableFlag(command)
  command.option('--scope <scope>', 'only the steps of this scope and of those it includes')
  command.option('--to <step>', 'leave this step and all before it as they are')
  command.option(
    '--last-resort <steps>',
    'take the last resort of these steps, in place of their ordinary undos',
    list,
  )
  command.option('--dry-run', 'say what would be undone, and what that loses; touch nothing')
  driveFlags(command)
  storeFlag(outputFlags(command))
  examples(
    command,
    'runbook rollback',
    'runbook rollback --dry-run',
    'runbook rollback qr-login --env prod --scope app --confirm prod',
    'runbook rollback 20261121-063012-4f1c --last-resort token_table',
  )
  command.action((ref: string | undefined, flags: Flags) =>
    withSession(flags, async (session) => {
      const view = await viewFor(flags)
      const { env: environment, scope, to, lastResort = [] } = flags
      const reference = { run: ref, environment }
      const known = await runMeant(session, reference, canBeUndone, view, {
        scope,
        steps: to === undefined ? lastResort : [to, ...lastResort],
      })
      if (known === undefined) {
        const why = 'There is nothing left to undo.'
        printNothing(flags, why, flags.dryRun ? { run: null, undo: [] } : noRun(reference))
        exit(EXIT.ok)
        return
      }
      const request: UndoRequest = {
        ...(flags.scope !== undefined && { scope: flags.scope }),
        ...(flags.to !== undefined && { to: flags.to }),
        ...(flags.lastResort !== undefined && { last_resort: flags.lastResort }),
      }
      const steps = stepsToUndo(known.plan, known.state, request)
      demandLastResorts(known.plan, known.state, flags.lastResort ?? [], steps)
      if (flags.dryRun === true) {
        const undo = steps.map(({ step, undos, covers }) => ({
          id: step.id,
          parts: undos.length,
          loses: undos.flatMap(({ undo }) => undo.loses ?? []),
          last_resort: undos.some(({ undo }) => lastResorts(step).includes(undo)),
          covers: covers.map(({ id }) => id),
        }))
        print(flags, (look) => rollbackPlanText(known.plan, known.state, steps, look), {
          run: known.state.run,
          undo,
        })
        exit(EXIT.ok)
        return
      }
      if (steps.length === 0 && !isUndone(known)) {
        const why = `Run ${known.state.run} has nothing to undo there.`
        printNothing(flags, why, nothingToDo(summary(known.state, known.plan)))
        exit(EXIT.ok)
        return
      }
      await demandNewest(session, known)
      sayLosses(known, steps, view)
      await confirmTarget(known.plan, 'roll it back', flags.confirm, view)
      const code = await driven(
        session,
        known.plan,
        { vars: flags.var, view },
        ({ bound, fingerprints }, ask) => {
          secretsChanged(known, fingerprints, view)
          return rollback(session, bound, view, ask, known, request)
        },
      )
      if (code === EXIT.ok && flags.quiet !== true) await sayOlder(session, known)
      exit(code)
    }),
  )
}

/** Runs are undone newest first: what a later run built stands on what this one did. */
async function demandNewest(session: Session, { head }: KnownRun): Promise<void> {
  const newest = await findRun(
    session.store,
    { run: head.runbook, environment: head.environment },
    canBeUndone,
  )
  if (newest === undefined || newest.state.run === head.run) return
  throw failure(
    EXIT.precondition,
    `run ${newest.state.run} of ${head.runbook} in ${head.environment} is newer and still has something to undo; runs are undone newest first`,
    {
      hint: `first: runbook rollback ${newest.state.run}`,
    },
  )
}

/** One rollback undoes one run: what an older one did is still there. */
async function sayOlder({ store }: Session, { head }: KnownRun): Promise<void> {
  const reference = { run: head.runbook, environment: head.environment }
  let older: KnownRun | undefined
  try {
    older = await findRun(store, reference, canBeUndone)
  } catch (error) {
    // This one is rolled back whatever became of the record of another.
    if (!isRunbookError(error)) throw error
    process.stderr.write(
      `Whether an older run left something to undo cannot be told: ${error.message}\n`,
    )
  }
  if (older === undefined || older.state.run === head.run) return
  const { run, created_at } = older.state
  const out = outlet(process.stderr)
  out.write(olderText(run, created_at, out.look()))
}

function sayLosses(
  { state }: KnownRun,
  steps: readonly StepToUndo[],
  view: Pick<View, 'progress'>,
): void {
  for (const { step, undos } of steps) {
    for (const { undo } of undos) {
      if (undo.loses === undefined) continue
      const since = state.steps.get(step.id)?.started_at
      const age =
        since === undefined ? '' : ` (${formatDuration(Date.now() - Date.parse(since))} old)`
      view.progress({
        kind: 'note',
        step: step.id,
        text: `undoing ${step.id} loses: ${undo.loses.replace(/\.$/, '')}${age}`,
      })
    }
  }
}
