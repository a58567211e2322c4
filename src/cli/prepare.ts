/** From a name and flags to a plan, a view, and a bound run: what deploy, resume and rollback share. */
import { compile, selectedSteps } from '../core/compile.ts'
import { EXIT, failure, isStopped } from '../core/errors.ts'
import type { Selection } from '../core/events.ts'
import type { Plan } from '../core/plan.ts'
import { didYouMean, formatProblem } from '../core/problems.ts'
import type { Environment, Runbook } from '../core/runbook.ts'
import type { View } from '../core/view.ts'
import { planInputs } from '../engine/inputs.ts'
import { stoppedBefore } from '../engine/stop.ts'
import { loadRunbook } from '../language/load.ts'

export interface Planned {
  root: string
  plan: Plan
}

export interface PlanWishes {
  env?: string | undefined
  vars: Record<string, string>
  selection?: Selection
  /** Where a path begins; left out: the working folder. */
  folder?: string
  /** No other program is started. */
  offline?: boolean | undefined
  warn: (text: string) => void
}

/** Reads a runbook and resolves it against its environment. Throws exit 2 with everything that is wrong. */
export async function planFor(
  name: string,
  { env, vars, selection, folder = process.cwd(), offline, warn }: PlanWishes,
): Promise<Planned> {
  const { runbook, root, problems } = await loadRunbook(name, folder, {
    alone: offline === true,
  })
  for (const problem of problems) warn(formatProblem(problem))
  const environment = environmentOf(runbook, env)
  const given = planInputs(runbook, environment, { root, vars, warn })
  const plan = compile(runbook, environment.name, given, selection)
  if (selectedSteps(plan).size === 0) throw failure(EXIT.usage, 'no step is selected')
  return { root, plan }
}

/** The environment of that name. Throws exit 2 when there is none, or none is named. */
export function environmentOf(runbook: Runbook, env: string | undefined): Environment {
  const names = Object.keys(runbook.environments)
  if (env === undefined) {
    throw failure(EXIT.usage, `which environment? ${runbook.runbook} has: ${names.join(', ')}`, {
      hint: `for example: --env ${names[0] ?? ''}`,
    })
  }
  const environment = names.includes(env) ? runbook.environments[env] : undefined
  if (environment !== undefined) return environment
  const hint = didYouMean(env, names)
  throw failure(
    EXIT.usage,
    `${runbook.runbook} has no environment "${env}"`,
    hint === undefined ? {} : { hint },
  )
}

/**
 * Where an environment is protected its name must be typed, or given with --confirm; --yes does not
 * give it. Throws exit 9 for another name, exit 2 where nobody can be asked.
 */
export async function confirmTarget(
  plan: Plan,
  what: string,
  confirm: string | undefined,
  view: View,
): Promise<void> {
  const { name } = plan.environment
  if (!plan.environment.protected) return
  let typed = confirm
  if (typed === undefined) {
    if (view.prompt === undefined) {
      throw failure(EXIT.usage, `${name} is protected: its name must be given to ${what}`, {
        hint: `add: --confirm ${name}`,
      })
    }
    typed = await view
      .prompt(`${name} is protected. Type its name to ${what}:`)
      .catch((error: unknown) => {
        throw isStopped(error) ? stoppedBefore(error.exit) : error
      })
  }
  if (typed !== name)
    throw failure(
      EXIT.refused,
      `"${typed}" is not the name of this environment (${name}): nothing was touched`,
    )
}
