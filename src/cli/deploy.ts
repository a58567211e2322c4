import { Option, type Command } from 'commander'
import { withOnFailure } from '../core/compile.ts'
import { EXIT, failure } from '../core/errors.ts'
import { demandFree } from '../engine/lease.ts'
import { deploy } from '../engine/operate.ts'
import type { Plan } from '../core/plan.ts'
import type { View } from '../core/view.ts'
import type { Session } from '../engine/session.ts'
import { closeRuns } from '../engine/word.ts'
import { demandSamePlan } from './saved-plan.ts'
import { driven } from './drive.ts'
import { confirmTarget, planFor } from './prepare.ts'
import { showPlan } from './show-plan.ts'
import { withSession } from './session.ts'
import { onFailureFlag, selectionFlags, selectionOf, type SelectionFlags } from './selection.ts'
import {
  driveFlags,
  environmentFlag,
  examples,
  lockFlag,
  outputFlags,
  storeFlag,
  variableFlag,
  waitFlag,
  type RunFlags,
} from './flags.ts'
import { toolVersion } from './version.ts'
import { viewFor } from './viewing.ts'

interface Flags extends RunFlags, SelectionFlags {
  plan?: string
  dryRun?: boolean
  offline?: boolean
}

export function define(command: Command, exit: (code: number) => void): void {
  command.argument('<runbook>', 'a name in runbooks/, or the path of a YAML file')
  environmentFlag(command)
  variableFlag(command)
  command.addOption(
    new Option(
      '--plan <file>',
      'refuse when this is no longer what would be done (see: runbook plan --out)',
    ),
  )
  command
    .option('--dry-run', 'the same as: runbook plan')
    .option('--offline', 'with --dry-run: ask nothing at all')
  selectionFlags(command)
  onFailureFlag(command)
  lockFlag(command)
  waitFlag(command)
  driveFlags(command)
  command.option('--fresh', 'start the sandbox over; what ran in it before is closed')
  storeFlag(outputFlags(command))
  examples(
    command,
    'runbook deploy qr-login --env sandbox',
    'runbook deploy qr-login --env prod --var release=1.1.0 --plan prod.plan --confirm prod',
    'runbook deploy qr-login --env sandbox --only migrate',
  )
  command.action(async (name: string, flags: Flags) => {
    if (flags.plan !== undefined && flags.onFailure !== undefined)
      throw failure(
        EXIT.usage,
        'what a failure leads to is part of the plan: --plan does that one or nothing, so --on-failure cannot be given with it',
        { hint: 'leave one of them out, or say on_failure in the runbook and save the plan again' },
      )
    const view = await viewFor(flags)
    const warn = (text: string) => {
      view.progress({ kind: 'note', text })
    }
    const selection = selectionOf(flags)
    const planned = await planFor(name, {
      env: flags.env,
      vars: flags.var,
      offline: flags.offline,
      warn,
      ...(selection !== undefined && { selection }),
    })
    const plan = withOnFailure(planned.plan, flags.onFailure)
    if (flags.plan !== undefined) demandSamePlan(flags.plan, plan, { name, vars: flags.var })
    if (flags.dryRun === true) {
      exit(await showPlan(planned.root, plan, flags))
      return
    }
    const prove = (attached: boolean) => provenBy(planned.root, plan, flags, view, attached)
    // What does not hold is said before anybody types a name, and waited for after it.
    if (flags.wait !== true) await prove(false)
    await confirmTarget(plan, 'deploy to it', flags.confirm, view)
    const buildsOn = await prove(flags.wait === true)
    const work = (session: Session) => begin(session, plan, flags, view, buildsOn)
    exit(await withSession(flags, work, planned.root))
  })
}

/** Asks for the lock, then opens all that the run needs, and drives it. */
async function begin(
  session: Session,
  plan: Plan,
  flags: Flags,
  view: View,
  buildsOn: string | undefined,
): Promise<number> {
  const fresh = flags.fresh === true
  const lockUntil = performance.now() + flags.lockTimeout
  const free = () => demandFree(session, plan, lockUntil, fresh)
  await free()
  const startOver = async () => {
    await free()
    await closeRuns(session, plan, (text) => {
      view.progress({ kind: 'note', text })
    })
  }
  return driven(
    session,
    plan,
    { vars: flags.var, startOver: fresh ? startOver : undefined, view },
    ({ bound, fingerprints }, ask) =>
      deploy(session, bound, view, ask, {
        tool: toolVersion(),
        lockUntil,
        fresh,
        onFailure: flags.onFailure,
        fingerprints,
        buildsOn,
        vars: Object.keys(flags.var),
        attached: flags.wait === true || plan.environment.wait === true,
      }),
  )
}

/** The run that this one builds on. Throws when its environment comes after one that proves nothing. */
async function provenBy(
  root: string,
  plan: Plan,
  flags: Flags,
  view: View,
  attached: boolean,
): Promise<string | undefined> {
  if (plan.environment.after === undefined) return undefined
  const { demandProof } = await import('../engine/builds-on.ts')
  const wishes = { vars: flags.var, withoutCommands: false }
  return withSession(flags, (session) => demandProof(session, plan, wishes, attached, view), root)
}
