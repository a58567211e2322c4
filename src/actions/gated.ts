/** What the verbs that start a process have in common: from a context to the gate and back. */
import type { ProcessIdentity } from '../core/events.ts'
import { lastLine } from '../lib/clean.ts'
import { isArgument, type Ending, type Work } from '../lib/ending.ts'
import { recoverFar } from '../lib/far-recovery.ts'
import { startFar } from '../lib/far.ts'
import { startGated } from '../lib/gate.ts'
import { tailOf } from '../lib/output.ts'
import { startPlain } from '../lib/plain.ts'
import { recoverGated } from '../lib/receipt.ts'
import { signalOfCode } from '../lib/signals.ts'
import type { ActionContext, Outcome, Recovery } from './action.ts'

type Lent = Pick<
  ActionContext,
  | 'recoverable'
  | 'folder'
  | 'cwd'
  | 'env'
  | 'timeout_ms'
  | 'interrupt'
  | 'gate'
  | 'output'
  | 'place'
>

/** How a process is to be started in a role. */
export interface Ask {
  command: Work['command']
  leaves_processes?: boolean
}

function waiting(
  { folder, cwd, env, timeout_ms, interrupt, output }: Lent,
  ask: Omit<Ask, 'command'>,
) {
  return {
    folder,
    cwd,
    env,
    timeout_ms,
    interrupt,
    output,
    leaves_processes: ask.leaves_processes ?? false,
  }
}

/** Runs a process through the gate of its role. */
export async function performGated(context: Lent, ask: Ask): Promise<Ending> {
  const work = { ...waiting(context, ask), command: ask.command }
  const { place, recoverable = true } = context
  if (place !== undefined)
    return startFar({ ...work, place, recoverable, gate: (process) => context.gate(process) })
  const plain = 'argv' in ask.command || isArgument(ask.command.script)
  if (recoverable || !plain) {
    return startGated({ ...work, gate: (process) => context.gate(process) })
  }
  await context.gate()
  return startPlain(work)
}

/** Finds out what came of one whose tool died; `outcome` makes of its end what `perform` would have. */
export async function recoverProcess(
  context: Lent,
  wrapper: ProcessIdentity | undefined,
  running: (process: ProcessIdentity) => void,
  outcome: (ending: Ending) => Outcome | Promise<Outcome>,
  ask: Omit<Ask, 'command'> = {},
): Promise<Recovery> {
  if (wrapper === undefined) return { state: 'unknown' }
  const { place } = context
  const found =
    place === undefined
      ? await recoverGated(waiting(context, ask), wrapper, running)
      : await recoverFar({ ...waiting(context, ask), place }, wrapper, running)
  if (found.state !== 'ended') return found
  const { duration_ms } = found.ending
  return {
    state: 'ended',
    outcome: await outcome(found.ending),
    // Zero is what is said of one whose receipt knows no times.
    ...(duration_ms > 0 && { duration_ms }),
  }
}

const CANNOT_TELL: Record<number, string> = {
  126: 'it cannot tell, or a program is not executable',
  127: 'a program was not found',
}

/** Why an end is no result that an expectation could be asked about; undefined when it is one. */
export function problemOf(
  ending: Ending,
  context: Pick<ActionContext, 'mask'>,
): Outcome['problem'] {
  const { exit_code: code, reason, unstarted, lost } = ending
  const told = (kind: 'cannot_tell' | 'timeout' | 'interrupted' | 'lost', message: string) => ({
    kind,
    message,
  })
  if (lost !== undefined) return told('lost', `the connection to the host was lost: ${lost}`)
  if (reason === 'timeout') return told('timeout', 'it did not end in time')
  // One that went on to a good end all the same did what it was to do.
  if (reason === 'interrupted' && (code !== 0 || unstarted !== undefined))
    return told('interrupted', unstarted ?? `it was interrupted, and ended with exit code ${code}`)
  if (unstarted !== undefined) return told('cannot_tell', `it could not be started: ${unstarted}`)
  const untold = CANNOT_TELL[code]
  if (untold !== undefined) {
    // Masked before it is cut: half a secret would be a secret still.
    const said = lastLine(context.mask(ending.stderr.text))
    return told('cannot_tell', `exit code ${code}: ${untold}${said === '' ? '' : `: ${said}`}`)
  }
  const name = signalOfCode(code)
  if (name === undefined) return undefined
  const guess = name === 'KILL' ? ' (out of memory?)' : ''
  return told('cannot_tell', `killed by signal ${code - 128}, ${name}${guess}`)
}

/** What every process leaves to people, whatever its verb. */
export function remarks(
  ending: Ending,
  { mask }: Pick<ActionContext, 'mask'>,
): Pick<Outcome, 'tail' | 'notes'> {
  const notes = [...ending.notes]
  for (const [name, { bytes, cut }] of [
    ['stdout', ending.stdout],
    ['stderr', ending.stderr],
  ] as const) {
    if (cut) notes.push(`${name}: ${bytes} bytes, the middle was left out`)
  }
  // Masked before it is cut: half a secret would be a secret still.
  const tail = tailOf(mask(ending.stdout.text), mask(ending.stderr.text))
  return { ...(tail === '' ? {} : { tail }), ...(notes.length === 0 ? {} : { notes }) }
}
