import type { Command } from 'commander'
import {
  environmentFlag,
  examples,
  outputFlags,
  storeFlag,
  unattendedFlags,
  variableFlag,
  type OutputFlags,
  type StoreFlags,
} from './flags.ts'
import { planFor } from './prepare.ts'
import { deployCommand, savePlan } from './saved-plan.ts'
import { selectionFlags, selectionOf, type SelectionFlags } from './selection.ts'
import { showPlan } from './show-plan.ts'

interface Flags extends OutputFlags, StoreFlags, SelectionFlags {
  env?: string
  var: Record<string, string>
  out?: string
  offline?: boolean
}

export function define(command: Command, exit: (code: number) => void): void {
  command.argument('<runbook>', 'a name in runbooks/, or the path of a YAML file')
  environmentFlag(command)
  variableFlag(command)
  command.option('--out <file>', 'save the plan, for: runbook deploy --plan <file>')
  command.option('--offline', 'ask nothing at all, not even what only reads')
  selectionFlags(command)
  storeFlag(outputFlags(unattendedFlags(command), ['text', 'json']))
  examples(
    command,
    'runbook plan qr-login --env sandbox',
    'runbook plan qr-login --env prod --var release=1.1.0 --offline -o json',
    'runbook plan qr-login --env prod --var release=1.1.0 --out prod.plan',
  )
  command.action(async (name: string, flags: Flags) => {
    const warn = (text: string) => {
      process.stderr.write(`${text}\n`)
    }
    const selection = selectionOf(flags)
    const { root, plan } = await planFor(name, {
      env: flags.env,
      vars: flags.var,
      offline: flags.offline,
      warn,
      ...(selection !== undefined && { selection }),
    })
    if (flags.out !== undefined) savePlan(flags.out, plan)
    exit(await showPlan(root, plan, flags))
    if (flags.out !== undefined)
      process.stderr.write(
        `Saved. To do exactly this: ${deployCommand(flags.out, plan, { name, vars: flags.var })}\n`,
      )
  })
}
