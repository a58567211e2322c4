import type { Command } from 'commander'
import { withOnFailure } from '../core/compile.ts'
import { EXIT, failure, isRunbookError } from '../core/errors.ts'
import { stepsNamed } from '../core/hosts.ts'
import { didYouMean } from '../core/problems.ts'
import { planSha256, type Plan } from '../core/plan.ts'
import { demandSameStarted, planDifferences } from '../core/replan.ts'
import { textOf } from '../core/templates.ts'
import type { View } from '../core/view.ts'
import { canGoOn } from '../core/undo.ts'
import { standsStill } from '../core/waiting.ts'
import { resume } from '../engine/operate.ts'
import { isUnfinished, type KnownRun } from '../engine/session.ts'
import { advice } from '../views/advice.ts'
import { nothingToDo, summary } from '../views/json.ts'
import { driven } from './drive.ts'
import {
  driveFlags,
  environmentFlag,
  examples,
  outputFlags,
  storeFlag,
  variableFlag,
  waitFlag,
  type RunFlags,
} from './flags.ts'
import { list } from './flags.ts'
import { noRun, printNothing } from './print.ts'
import { confirmTarget, planFor } from './prepare.ts'
import { runMeant, secretsChanged } from './run-meant.ts'
import { withSession } from './session.ts'
import { viewFor } from './viewing.ts'

interface Flags extends RunFlags {
  retry?: string[]
  replan?: boolean
}

export function define(command: Command, exit: (code: number) => void): void {
  command.argument('[run]', "a run id, or a runbook's name; left out: the newest unfinished run")
  environmentFlag(command, "with a runbook's name: which of its environments")
  variableFlag(command)
  command.option(
    '--retry <steps>',
    'failed steps that may run again, though they are not idempotent',
    list,
  )
  command.option(
    '--replan',
    "take today's runbook, when the steps already started are the same in it",
  )
  waitFlag(command)
  driveFlags(command)
  storeFlag(outputFlags(command))
  examples(
    command,
    'runbook resume',
    'runbook resume 20261121-063012-4f1c --retry switch',
    'runbook resume qr-login --env prod',
  )
  command.action((ref: string | undefined, flags: Flags) =>
    withSession(flags, async (session) => {
      const view = await viewFor(flags)
      const reference = { run: ref, environment: flags.env }
      const steps = flags.retry ?? []
      const known = await runMeant(session, reference, isUnfinished, view, { steps })
      if (known === undefined) {
        printNothing(flags, 'There is no unfinished run.', noRun(reference))
        exit(EXIT.ok)
        return
      }
      if (!canGoOn(known.state)) {
        printNothing(flags, whyNotOn(known), nothingToDo(summary(known.state, known.plan)))
        exit(EXIT.ok)
        return
      }
      const retry = steps.flatMap((step) => stepsMeant(known, step))
      const replanned = await lookAtToday(session.root, known, flags, view)
      const plan = replanned ?? known.plan
      const attached = flags.wait === true || plan.environment.wait === true
      if (replanned === undefined && !attached && isHeldUp(known, view)) {
        view.start(plan, known.state, 'resume')
        await view.end(known.state)
        exit(EXIT.waiting)
        return
      }
      await confirmTarget(plan, 'resume', flags.confirm, view)
      exit(
        await driven(
          session,
          plan,
          { vars: flags.var, view },
          async ({ bound, fingerprints }, ask) => {
            secretsChanged(known, fingerprints, view)
            if (replanned !== undefined)
              await session.store.keepPlan(replanned, planSha256(replanned))
            return resume(session, bound, view, ask, known, {
              retry,
              attached,
              ...(replanned !== undefined && { replanned: planSha256(replanned) }),
            })
          },
        ),
      )
    }),
  )
}

/** Why a run is left as it is, and the next command where there is something left of it. */
function whyNotOn({ plan, state }: KnownRun): string {
  const { run, status } = state
  const untouched = 'nothing was done'
  if (status !== 'partly_rolled_back')
    return `Run ${run} is over (${status.replaceAll('_', ' ')}): ${untouched}.`
  const [next] = advice(plan, state)
  const rest = next === undefined ? '' : `\nNext: ${next.command}   ${next.why}`
  return `Run ${run} is rolled back in part, as far as it was asked to be. There is nothing to go on with: ${untouched}.${rest}`
}

/** Whether nothing could be done but to say again what it waits for: then nothing is touched. */
function isHeldUp({ plan, state }: KnownRun, view: View): boolean {
  return standsStill(plan, state, Date.now(), view.choose !== undefined)
}

function stepsMeant({ plan, state }: KnownRun, step: string): string[] {
  const meant = stepsNamed(plan.steps, step).map(({ id }) => id)
  if (meant.length > 0) return meant
  const ids = plan.steps.map((s) => s.id)
  const hint = didYouMean(step, ids)
  throw failure(
    EXIT.usage,
    `run ${state.run} has no step "${step}"`,
    hint === undefined ? {} : { hint },
  )
}

/** The plan in the journal rules; how today's differs is said. With --replan, the new plan. */
async function lookAtToday(
  root: string,
  { plan, state }: KnownRun,
  flags: Flags,
  view: View,
): Promise<Plan | undefined> {
  const vars = { ...given(plan), ...flags.var }
  const today = async () => {
    const { plan: now } = await planFor(plan.file, {
      env: plan.environment.name,
      vars,
      folder: root,
      warn: () => undefined,
      ...(plan.selection !== undefined && { selection: plan.selection }),
    })
    return withOnFailure(now, state.on_failure)
  }
  if (flags.replan === true) {
    const now = await today()
    demandSameStarted(plan, now, state)
    return now
  }
  // A runbook that is unsound today does not stop a run that has its plan; a fault of ours does.
  const now = await today().catch((error: unknown) => {
    if (!isRunbookError(error)) throw error
    return undefined
  })
  const differences =
    now === undefined ? ['the runbook cannot be read today'] : planDifferences(plan, now)
  if (differences.length > 0) {
    view.progress({
      kind: 'note',
      text: `the runbook changed since this run began (${differences.slice(0, 5).join(', ')}); the plan it began with rules`,
    })
  }
  return undefined
}

/** Values that were given on the command line come with the plan; what is not secret is frozen in it. */
function given(plan: Plan): Record<string, string> {
  return Object.fromEntries(
    Object.entries(plan.inputs).flatMap(([name, input]) =>
      input.kind === 'value' ? [[name, textOf(input.value)]] : [],
    ),
  )
}
