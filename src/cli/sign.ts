import type { Command } from 'commander'
import { EXIT, failure } from '../core/errors.ts'
import { findMeant } from '../engine/known-names.ts'
import { isUnfinished } from '../engine/session.ts'
import { signFor } from '../engine/sign.ts'
import { examples } from './flags.ts'
import { withSession } from './session.ts'
import { recorded, wordFlags, type WordFlags } from './word.ts'

interface Flags extends WordFlags {
  role: string
  step?: string
  note?: string
  confirmAll?: boolean
  plan?: string
}

export function define(command: Command, exit: (code: number) => void): void {
  command.argument('<run>', "a run id, or a runbook's name: its newest unfinished run")
  command
    .requiredOption('--role <role>', 'for which role you sign')
    .option('--step <step>', 'only for this step; left out: those that wait for the role')
    .option('--confirm-all', 'every item that a manual step lists is confirmed')
    .option('--note <text>', 'stays in the record with your word')
    .option('--plan <hash>', 'the plan that you looked at: refused when the run has another')
  wordFlags(command)
  examples(
    command,
    'runbook sign 20261121-063012-4f1c --role dba',
    'runbook sign qr-login --env prod --role QA --confirm-all --note "see the test report"',
    'runbook sign 20261121-063012-4f1c --role dba --step drop_plaintext --plan 1ab1b895fd43',
  )
  command.action((ref: string, flags: Flags) =>
    withSession(flags, async (session) => {
      const reference = { run: ref, environment: flags.env }
      const known = await findMeant(session, reference, isUnfinished)
      if (known === undefined)
        throw failure(EXIT.usage, `no run of ${ref} is unfinished, so there is nothing to sign`)
      const { role, steps, missing, state } = await signFor(session, known.head, {
        role: flags.role,
        confirmAll: flags.confirmAll === true,
        ...(flags.step !== undefined && { step: flags.step }),
        ...(flags.note !== undefined && { note: flags.note }),
        ...(flags.plan !== undefined && { plan: flags.plan }),
      })
      const { run, plan_sha256 } = state
      recorded(flags, known.plan, state, [
        `Signed as ${role} for ${steps.join(', ')} of run ${run}, on plan ${plan_sha256.slice(0, 12)}.`,
        missing.length > 0
          ? `Still to sign: ${missing.join(', ')}`
          : `Go on: runbook resume ${run}`,
      ])
      exit(EXIT.ok)
    }),
  )
}
