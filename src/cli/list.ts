import type { Command } from 'commander'
import { isRunbookError } from '../core/errors.ts'
import { loadRunbook } from '../language/load.ts'
import { listRunbooks } from '../language/read.ts'
import { listText, type ListedRunbook } from '../views/tables.ts'
import { plural } from '../views/words.ts'
import { examples, outputFlags, type OutputFlags } from './flags.ts'
import { print } from './print.ts'

export function define(command: Command): void {
  outputFlags(command, ['text', 'json'])
  examples(command, 'runbook list', 'runbook list -o json')
  command.action(async (flags: OutputFlags) => {
    const found = await listRunbooks(process.cwd())
    const listed = await Promise.all(found.map(({ name, title }) => described(name, title)))
    print(flags, (look) => listText(listed, look), listed)
  })
}

/** One that cannot be read is listed all the same, with the reason. */
async function described(name: string, title = ''): Promise<ListedRunbook> {
  try {
    const { runbook } = await loadRunbook(name, process.cwd())
    return {
      name,
      title: runbook.title,
      version: runbook.version,
      environments: Object.keys(runbook.environments),
      steps: runbook.steps.length,
    }
  } catch (error) {
    if (!isRunbookError(error)) throw error
    const errors = (error.problems ?? []).filter(({ level }) => level !== 'warning').length
    const problem =
      errors === 0 ? error.message : `${plural(errors, 'problem')}: runbook lint ${name}`
    return { name, title, version: '', environments: [], steps: 0, problem }
  }
}
