/**
 * The gate and the receipt. An action's process is one bash, in a session of its own. It waits at
 * the gate, a pipe that we hold: on `go` it acts; when the pipe just ends, because the tool died,
 * it leaves without having done anything. It notes in the receipt that it started and how it
 * ended, so that after a crash of the tool the truth is known.
 *
 * While the tool lives it makes the end durable in its journal, and the receipt needs no flush of
 * its own; only a wrapper that finds its tool gone flushes it.
 */
import { createHash } from 'node:crypto'
import { closeSync, constants, fstatSync, mkdirSync, openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ProcessIdentity } from '../core/events.ts'
import { attend, isArgument, unstarted, withToken, type Ending, type Work } from './ending.ts'
import { onDisk } from './disk.ts'
import { APPENDED, openStreams } from './output.ts'
import { identify, startSession, type Session } from './processes.ts'
import { takeWarm } from './warm.ts'

export interface Gated extends Work {
  /** A folder of this attempt's own: out, err, receipt. */
  folder: string
  /** Returns when the intent is durable; then the gate is opened. */
  gate: (process?: ProcessIdentity) => Promise<void>
}

/**
 * `$1` is the receipt; then `script` and its text, or `program`, its name and its arguments.
 * -p keeps BASH_ENV and functions of the environment from acting before the gate. The traps let the
 * wrapper outlive INT and TERM, which go to all of its group; subshells start without them. Neither
 * the gate nor the receipt is open in what the script starts, so that only we hold them. `set -e`
 * would mean nothing to a script run after `!`, `if`, `&&` or `||`. No program is run but for the
 * script, and `sync` when `read` finds the pipe at its end, because the tool is gone. All of it is
 * one line, so that line 1 of the script is line 1 in what bash says of it.
 */
const WRAPPER = [
  `trap : HUP INT QUIT TERM;`,
  `IFS= read -r -u 3 && [[ $REPLY == go ]] || exit 0;`,
  `printf 'started %s\\n' "\${EPOCHREALTIME-}" >&4 || exit 125;`,
  `unset REPLY;`,
  `if [[ $2 == script ]]; then ( set -euo pipefail; eval -- "set --; $3" ) 3<&- 4>&-;`,
  `else ( shift 2; exec -- "$@" ) 3<&- 4>&-; fi;`,
  `set -- "$1" $?;`,
  `printf 'exit %d %s\\n' "$2" "\${EPOCHREALTIME-}" >&4;`,
  `if read -t 0 -u 3; then sync -- "$1" "\${1%/*}" 2>/dev/null; fi;`,
  `exit "$2"`,
].join(' ')

const { O_TRUNC } = constants

/** The same for every process of an attempt, also for who comes back to it after a crash. */
export function tokenOf(folder: string): string {
  return createHash('sha256').update(folder).digest('hex').slice(0, 32)
}

/** What the wrapper is told to run, and under which name bash speaks of it. */
function instruction({ command, env, folder }: Gated): [name: string, ...rest: string[]] {
  if ('argv' in command) return [command.argv[0] ?? '', 'program', ...command.argv]
  const name = env.RUNBOOK_STEP ?? 'script'
  if (isArgument(command.script)) return [name, 'script', command.script]
  const file = join(folder, 'script')
  writeFileSync(file, command.script, { mode: 0o600 })
  return [name, 'script', `. '${file.replaceAll(`'`, `'\\''`)}'`]
}

/** Starts a process at the gate, lets it go when the intent is durable, and waits for its end. */
export async function startGated(options: Gated): Promise<Ending> {
  const { folder, cwd } = options
  const token = tokenOf(folder)
  const file = join(folder, 'receipt')
  const { receipt, streams, told } = onDisk(folder, () => {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    return {
      receipt: openSync(file, APPENDED | O_TRUNC, 0o600),
      streams: openStreams(folder, O_TRUNC),
      told: instruction(options),
    }
  })
  const [name, ...rest] = told
  const close = () => {
    closeSync(receipt)
    streams.release(false)
  }

  const env = withToken(options.env, token)
  const files = { out: join(folder, 'out'), err: join(folder, 'err'), receipt: file }
  const warm = await takeWarm({ env, cwd, name, args: [file, ...rest], program: WRAPPER, files })
  let session: Session
  try {
    session =
      warm ??
      (await startSession(['bash', '-pc', WRAPPER, name, file, ...rest], {
        cwd,
        env,
        out: streams.out.fd,
        err: streams.err.fd,
        receipt,
      }))
  } catch (error) {
    close()
    return unstarted((error as Error).message)
  }
  const { pid, pipe, exited } = session
  void exited.then(() => warm?.streams.release(false))
  const dismiss = async () => {
    pipe?.destroy()
    await exited
    close()
  }
  try {
    await options.gate(identify(pid))
  } catch (error) {
    await dismiss()
    throw error
  }
  if (options.interrupt.aborted) {
    await dismiss()
    return { ...unstarted('interrupted before it started'), reason: 'interrupted' }
  }
  const ending = await attend(options, { leader: pid, token }, exited, streams, () => {
    pipe?.write('go\n')
  })
  pipe?.destroy()
  const started = fstatSync(receipt).size > 0
  closeSync(receipt)
  return started ? ending : { ...ending, unstarted: 'its receipt could not be written' }
}
