/** `runbook plan`, which is also `deploy --dry-run`. */
import { EXIT, isRunbookError } from '../core/errors.ts'
import type { Plan } from '../core/plan.ts'
import type { PlanReport } from '../core/plan-report.ts'
import { planJson, planText } from '../views/plan.ts'
import type { Proof } from '../core/builds-on.ts'
import { howToGive } from '../engine/input-sources.ts'
import type { Session } from '../engine/session.ts'
import { missingAtTheRun } from '../engine/whence.ts'
import type { OutputFlags, StoreFlags } from './flags.ts'
import { print } from './print.ts'

interface Flags extends OutputFlags, StoreFlags {
  offline?: boolean
  var: Record<string, string>
}

/** Prints what the plan would do. Asks only what reads, and with --offline nothing. */
export async function showPlan(root: string, plan: Plan, flags: Flags): Promise<number> {
  const [asked, proof] = [await reportOf(root, plan, flags), await proofFor(root, plan, flags)]
  const missing = missingAtTheRun(plan.inputs, plan.environment, { root, vars: flags.var })
  const told = missing.filter((one) => !asked.problems.some((problem) => problem.includes(one)))
  if (missing.length > 0) told.push(howToGive(plan.runbook, plan.environment))
  const report = { ...asked, problems: [...asked.problems, ...told] }
  print(flags, (look) => planText(report, look, proof), planJson(report, proof))
  return EXIT.ok
}

async function reportOf(root: string, plan: Plan, flags: Flags): Promise<PlanReport> {
  // Asking needs processes, a database client and services; most plans ask nothing.
  const { reportPlan, wantsAsking } = await import('../engine/plan-report.ts')
  if (flags.offline === true || !wantsAsking(plan)) return reportPlan(plan, undefined)
  const [{ bind }, { withSession }, { planAsker }] = await Promise.all([
    import('../engine/bind.ts'),
    import('./session.ts'),
    import('../engine/outside.ts'),
  ])
  const wishes = {
    vars: flags.var,
    say: (text: string) => {
      process.stderr.write(`${text}\n`)
    },
    place: () => undefined,
    withoutCommands: true,
  }
  const asked = async (session: Session) => {
    const opened = await bind(session, plan, wishes)
    try {
      return await reportPlan(plan, planAsker(opened.bound))
    } finally {
      await opened.close()
    }
  }
  try {
    return await withSession({ store: 'memory:' }, asked, root)
  } catch (error) {
    // A secret that is not here yet is no error of the plan: what would need it is simply not asked.
    if (!isRunbookError(error) || error.exit !== EXIT.usage) throw error
    const report = await reportPlan(plan, undefined)
    return { ...report, problems: [...report.problems, `nothing was asked: ${error.message}`] }
  }
}

/** What the environment comes after, and whether that holds now; the journal is only read. */
async function proofFor(root: string, plan: Plan, flags: Flags): Promise<Proof | undefined> {
  if (plan.environment.after === undefined || flags.offline === true) return undefined
  const [{ proofOf }, { withSession }] = await Promise.all([
    import('../engine/builds-on.ts'),
    import('./session.ts'),
  ])
  const wishes = { vars: flags.var, withoutCommands: true }
  return withSession(flags, (session) => proofOf(session, plan, wishes), root)
}
