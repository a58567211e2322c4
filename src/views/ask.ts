/** Questions to the person at the terminal. Owner of the prompts. */
import { PassThrough } from 'node:stream'
import { input, select } from '@inquirer/prompts'
import { EXIT, failure, STOP_SIGNALS, STOPPED_BY, type StopSignal } from '../core/errors.ts'
import type { Choice } from '../core/view.ts'
import { clean } from '../lib/clean.ts'
import type { Look } from '../lib/terminal.ts'

const [CTRL_C, CTRL_D, CTRL_Z] = ['\u0003', '\u0004', '\u001a']

interface Context {
  input: NodeJS.ReadableStream
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

/** Asks for one of the choices. Rejects, with the exit code of a signal, when nobody answers. */
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

/**
 * Runs a prompt on standard error. It does not notice that the terminal is gone, and has uses of its own for
 * the keys that stop: here each of them is the signal that it is elsewhere, and a signal ends the question.
 */
async function answered<T>(ask: (context: Context) => Promise<T>): Promise<T> {
  const { stdin } = process
  const over = new AbortController()
  let by: StopSignal | undefined
  const end = (signal: StopSignal) => {
    by ??= signal
    over.abort()
  }
  const gone = () => {
    if (by === undefined) process.emit('SIGHUP', 'SIGHUP')
  }
  const setRawMode = (raw: boolean) => stdin.setRawMode(raw)
  // Not standard input itself: of the errors of a terminal that is gone a prompt would die.
  const input = Object.assign(new PassThrough(), { isTTY: true, setRawMode })
  const typed = (keys: Buffer) => {
    if (keys.includes(CTRL_C) || keys.includes(CTRL_D)) process.emit('SIGINT', 'SIGINT')
    else if (keys.includes(CTRL_Z)) {
      setRawMode(false)
      process.kill(process.pid, 'SIGTSTP')
    } else input.write(keys)
  }
  const goOn = () => setRawMode(true)
  for (const signal of STOP_SIGNALS) process.on(signal, end)
  process.on('SIGCONT', goOn)
  stdin.on('error', gone).on('end', gone).on('close', gone).on('data', typed).resume()
  try {
    if (stdin.destroyed || stdin.readableEnded) gone()
    return await ask({ input, output: process.stderr, signal: over.signal })
  } catch (error) {
    if (by === undefined)
      throw failure(EXIT.fault, 'the question could not be asked', { cause: error })
    throw failure(STOPPED_BY[by], 'the question was not answered', { cause: error })
  } finally {
    stdin.off('error', gone).off('end', gone).off('close', gone).off('data', typed).pause()
    process.off('SIGCONT', goOn)
    for (const signal of STOP_SIGNALS) process.off(signal, end)
  }
}
