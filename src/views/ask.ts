/** Questions to the person at the terminal. Owner of the prompts. */
import { input, select } from '@inquirer/prompts'
import { EXIT, failure, type RunbookError } from '../core/errors.ts'
import type { Choice } from '../core/view.ts'
import { clean } from '../lib/clean.ts'
import type { Look } from '../lib/terminal.ts'

interface Context {
  output: NodeJS.WritableStream
  signal: AbortSignal
}

type Prompt<Value, Config> = (config: Config, context?: Context) => Promise<Value>

/** How a prompt is run: by itself, or through whoever owns the terminal at this moment. */
export type Through = <Value, Config>(
  prompt: Prompt<Value, Config>,
  config: Config,
  context: Context,
) => Promise<Value>

const directly: Through = (prompt, config, context) => prompt(config, context)

/** Asks for one of the choices. Rejects when nobody answers: Ctrl-C, or the terminal is gone. */
export async function askChoice<T extends string>(
  question: string,
  choices: readonly Choice<T>[],
  look: Look,
  through: Through = directly,
): Promise<T> {
  const config = {
    message: clean(question, look),
    choices: choices.map(({ value, label }) => ({ value, name: clean(label, look) })),
    loop: false,
  }
  return answered((context) => through((c: typeof config, x) => select<T>(c, x), config, context))
}

/** Asks for a text and gives back what was typed, without the blanks around it. */
export async function askText(
  question: string,
  look: Look,
  through: Through = directly,
): Promise<string> {
  const config = { message: clean(question, look) }
  const text = await answered((context) => through(input, config, context))
  return text.trim()
}

/** Runs a prompt on standard error, and ends it when standard input ends, which it does not notice. */
async function answered<T>(ask: (context: Context) => Promise<T>): Promise<T> {
  const controller = new AbortController()
  const over = () => controller.abort()
  process.stdin.once('end', over).once('close', over)
  try {
    return await ask({ output: process.stderr, signal: controller.signal })
  } catch (error) {
    throw unanswered(error)
  } finally {
    process.stdin.off('end', over).off('close', over)
  }
}

/** A prompt takes Ctrl-C for itself; it is given on, so that it means here what it means elsewhere. */
function unanswered(error: unknown): RunbookError {
  const name = error instanceof Error ? error.name : ''
  if (name === 'ExitPromptError') {
    process.kill(process.pid, 'SIGINT')
    return failure(EXIT.interrupted, 'the question was not answered: Ctrl-C', { cause: error })
  }
  if (name === 'AbortPromptError')
    return failure(EXIT.hangup, 'the question was not answered: the terminal is gone')
  return failure(EXIT.fault, 'the question could not be asked', { cause: error })
}
