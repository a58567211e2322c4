/** `run`: a bash script, or a program and its arguments. */
import { textOf } from '../core/templates.ts'
import type { Ending } from '../lib/ending.ts'
import { parseJson } from '../lib/json.ts'
import { SEEN_BYTES } from '../lib/output.ts'
import type { ActionContext, Outcome, Verb } from './action.ts'
import { performGated, problemOf, recoverProcess, remarks } from './gated.ts'

const unended = (text: string) => (text.endsWith('\n') ? text.slice(0, -1) : text)

/** stdout, then stderr: two streams have no common order once they are apart. */
function both(stdout: string, stderr: string): string {
  const text = unended(
    stdout === '' || stdout.endsWith('\n') ? stdout + stderr : `${stdout}\n${stderr}`,
  )
  if (text.length <= SEEN_BYTES) return text
  return `${text.slice(0, SEEN_BYTES / 2)}\n[…]\n${text.slice(-SEEN_BYTES / 2)}`
}

function outcome(ending: Ending, context: Pick<ActionContext, 'mask'>): Outcome {
  const stdout = unended(ending.stdout.text)
  const json = parseJson(stdout)
  const problem = problemOf(ending, context)
  return {
    fields: {
      exit_code: ending.exit_code,
      stdout,
      stderr: unended(ending.stderr.text),
      output: both(ending.stdout.text, ending.stderr.text),
      ...(json === undefined ? {} : { json }),
      duration_ms: ending.duration_ms,
    },
    ...(problem === undefined ? {} : { problem }),
    ...remarks(ending, context),
  }
}

/** A value reaches a script as a variable of its environment only, an argument as one argument. */
export const run: Verb<'run'> = {
  async perform(action, context) {
    const { leaves_processes } = action
    const command =
      'script' in action
        ? { script: action.script }
        : { argv: action.argv.map((argument) => textOf(context.resolve(argument))) }
    return outcome(await performGated(context, { command, leaves_processes }), context)
  },

  recover(action, context, running, wrapper) {
    const { leaves_processes } = action
    return recoverProcess(context, wrapper, running, (ending) => outcome(ending, context), {
      leaves_processes,
    })
  },
}
