import type { Command } from 'commander'
import { examples } from './flags.ts'

export function define(command: Command): void {
  examples(command, 'runbook schema > schema/runbook.schema.json')
  command.action(async () => {
    const { jsonSchema } = await import('../language/schema.ts')
    process.stdout.write(`${JSON.stringify(jsonSchema(), null, 2)}\n`)
  })
}
