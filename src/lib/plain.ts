/**
 * A process that leaves nothing to come back to: a check. After a crash it is simply asked again,
 * so it needs neither gate nor receipt, and its output goes to files that have no name and are used
 * again and again. Making a file costs more than starting a shell while a journal is being flushed.
 */
import { randomUUID } from 'node:crypto'
import { attend, unstarted, withToken, type Ending, type Work } from './ending.ts'
import { borrowStreams } from './output.ts'
import { startSession, type Session } from './processes.ts'
import { takeWarm } from './warm.ts'

/** `$1` is the script. Its last words are the shell's: it needs no child that does nothing but wait. */
const PROGRAM = `exec 3<&-; set -euo pipefail; eval -- "set --; $1"`

/** Starts a process and waits for its end. */
export async function startPlain(work: Work): Promise<Ending> {
  const { command, cwd } = work
  const token = randomUUID()
  const env = withToken(work.env, token)
  const name = work.env.RUNBOOK_STEP ?? 'script'
  if ('script' in command) {
    const warm = await takeWarm({ env, cwd, name, args: [command.script], program: PROGRAM })
    if (warm !== undefined) {
      const tree = { leader: warm.pid, token }
      return attend(work, tree, warm.exited, warm.streams, () => {})
    }
  }
  const streams = borrowStreams()
  const argv: [string, ...string[]] =
    'argv' in command
      ? [command.argv[0] ?? '', ...command.argv.slice(1)]
      : ['bash', '-peuo', 'pipefail', '-c', command.script, name]
  let session: Session
  try {
    session = await startSession(argv, { cwd, env, out: streams.out.fd, err: streams.err.fd })
  } catch (error) {
    streams.release(false)
    return unstarted((error as Error).message)
  }
  const { pid, exited } = session
  return attend(work, { leader: pid, token }, exited, streams, () => {})
}
