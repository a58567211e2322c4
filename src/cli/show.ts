import type { Command } from 'commander'
import { whenceOf } from '../engine/whence.ts'
import { loadRunbook } from '../language/load.ts'
import { showText } from '../views/show.ts'
import { environmentFlag, examples, outputFlags, type OutputFlags } from './flags.ts'
import { environmentOf } from './prepare.ts'
import { print } from './print.ts'

export function define(command: Command): void {
  command.argument('<runbook>', 'a name in runbooks/, or the path of a YAML file')
  environmentFlag(command, 'also where each input comes from there, and which are missing now')
  outputFlags(command, ['text', 'json'])
  examples(
    command,
    'runbook show qr-login',
    'runbook show qr-login --env prod',
    'runbook show qr-login -o json',
  )
  command.action(async (name: string, flags: OutputFlags & { env?: string }) => {
    const { runbook, root } = await loadRunbook(name, process.cwd())
    const environment = flags.env === undefined ? undefined : environmentOf(runbook, flags.env)
    const there = environment && {
      environment: environment.name,
      inputs: whenceOf(runbook.inputs, environment, { root }),
    }
    // The files it names are content, not structure.
    print(flags, (look) => showText(runbook, look, there), {
      ...runbook,
      files: Object.keys(runbook.files),
      ...(there && { there }),
    })
  })
}
