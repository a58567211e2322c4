import type { Command } from 'commander'
import { loadRunbook } from '../language/load.ts'
import { showText } from '../views/show.ts'
import { examples, outputFlags, type OutputFlags } from './flags.ts'
import { print } from './print.ts'

export function define(command: Command): void {
  command.argument('<runbook>', 'a name in runbooks/, or the path of a YAML file')
  outputFlags(command, ['text', 'json'])
  examples(command, 'runbook show qr-login', 'runbook show qr-login -o json')
  command.action(async (name: string, flags: OutputFlags) => {
    const { runbook } = await loadRunbook(name, process.cwd())
    // The files it names are content, not structure.
    print(flags, (look) => showText(runbook, look), {
      ...runbook,
      files: Object.keys(runbook.files),
    })
  })
}
