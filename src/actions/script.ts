/** `script`: a zx module in a process of its own; what it returns is the result. */
import { writeFile } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { makeFolder, readIfThere } from '../lib/files.ts'
import type { Ending } from '../lib/ending.ts'
import type { ActionContext, Outcome, Verb } from './action.ts'
import { performGated, problemOf, recoverProcess, remarks } from './gated.ts'

/** Beside this file in src, beside the chunk that this file went into in a bundle. */
const HOST = fileURLToPath(new URL('./script-host.mjs', import.meta.url))

const resultFile = (context: ActionContext) => join(context.folder, 'result.json')

async function conclude(ending: Ending, context: ActionContext): Promise<Outcome> {
  const said = remarks(ending, context)
  const problem = problemOf(ending, context)
  if (problem !== undefined) return { fields: {}, problem, ...said }
  const text = ending.exit_code === 0 ? await readIfThere(resultFile(context)) : undefined
  if (text === undefined) {
    const thrown = ending.stderr.text.trim().split('\n')[0] ?? ''
    const message = thrown === '' ? `it ended with exit code ${ending.exit_code}` : thrown
    return { fields: {}, problem: { kind: 'failed', message }, ...said }
  }
  const value = JSON.parse(text) as unknown
  const named = typeof value === 'object' && value !== null && !Array.isArray(value)
  if (named && 'cannot_tell' in value && typeof value.cannot_tell === 'string')
    return { fields: {}, problem: { kind: 'cannot_tell', message: value.cannot_tell }, ...said }
  return { fields: named ? (value as Record<string, unknown>) : { value }, ...said }
}

export const script: Verb<'script'> = {
  async perform(action, context) {
    const { folder } = context
    // The frozen text runs, not what lies at its path by now; so it runs from here.
    const module = join(folder, `module${extname(action.file) || '.mjs'}`)
    const args = join(folder, 'arguments.json')
    await makeFolder(folder)
    await writeFile(module, context.file(action.file), { mode: 0o600 })
    const plain = JSON.stringify(context.resolve(action.args), (_key, part: unknown) =>
      typeof part === 'bigint' ? Number(part) : part,
    )
    await writeFile(args, plain, { mode: 0o600 })
    const argv = [process.execPath, HOST, module, args, resultFile(context)]
    return conclude(await performGated(context, { command: { argv } }), context)
  },

  recover(_action, context, running, wrapper) {
    return recoverProcess(context, wrapper, running, (ending) => conclude(ending, context))
  },
}
