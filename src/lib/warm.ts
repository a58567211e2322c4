/**
 * A shell that was started before there was anything for it to do. Starting a process takes longer
 * than most steps do; while one action runs, the shell of the next can start beside it. It holds
 * nothing and does nothing until it has read, from a pipe that we hold, where it is to be, what its
 * environment is and which script to run, each as data. When the pipe ends before that, it leaves.
 */
import { setFlagsFromString } from 'node:v8'
import { borrowStreams, type Streams } from './output.ts'
import { physicalFolder, startSession, type Session } from './processes.ts'

export interface Warm extends Session {
  /** Its standard output and error until it is told otherwise; nameless files. */
  streams: Streams
  env: Record<string, string>
  cwd: string
}

/** Longer instructions are slower to read than a process is to start: a shell reads byte by byte. */
const LONGEST = 4096

/** Follow from the folder. */
const FOLDER = /^(OLD)?PWD$/

/** What a shell found at its start is not there any more: time has passed, and it has read. */
const SPENT = /^(SECONDS|REPLY)$/

/** What bash does with these when it finds them at its start is not what it does when they are assigned. */
const SPECIAL =
  /^(_|BASH.*|CDPATH|COMP_.*|DIRSTACK|EPOCH.*|EUID|EXECIGNORE|FUNC.*|GLOB.*|GROUPS|HIST.*|IFS|IGNOREEOF|LANG|LC_.*|LINENO|OPT.*|PIPESTATUS|POSIX.*|PPID|PS\d|REPLY|S?RANDOM|SECONDS|SHELLOPTS|SHLVL|TMOUT|UID)$/

/**
 * Each field ends with a NUL and begins with what it is; the last says `r`. -p keeps BASH_ENV and
 * functions of the environment from acting. The program that follows stands after the loop.
 */
const READ = [
  `while IFS= read -r -d '' -u 3; do case $REPLY in`,
  `e*) export -- "\${REPLY:1}";; u*) unset -v -- "\${REPLY:1}";; c*) cd -P -- "\${REPLY:1}" || exit 126; unset -v OLDPWD; export OLDPWD;;`,
  `n*) BASH_ARGV0=\${REPLY:1};; a*) set -- "$@" "\${REPLY:1}";; o*) exec >>"\${REPLY:1}";;`,
  `x*) exec 2>>"\${REPLY:1}";; f*) exec 4>>"\${REPLY:1}";; p*) RUNBOOK_PROGRAM=\${REPLY:1};; r) break;; esac; done;`,
  `[[ $REPLY == r ]] || exit 0;`,
  `unset REPLY; SECONDS=0;`,
  `eval -- "unset RUNBOOK_PROGRAM; $RUNBOOK_PROGRAM"`,
].join(' ')

let waiting: Promise<Warm | undefined> | undefined
let base: { env: Record<string, string>; cwd: string } | undefined

/**
 * From now on, until `coolDown`, there may be a shell in waiting. `env` is what every process of the
 * run may see: whoever runs in that shell later could read what it was started with.
 */
export function keepWarm(env: Record<string, string>, cwd: string): void {
  // To start a process is to copy the map of our memory first: what we do not touch costs nothing.
  // The youngest part of the heap would grow to tens of MiB, and nothing here lives long enough to want it.
  setFlagsFromString('--semi-space-growth-factor=1')
  base = { env, cwd }
}

/** Starts a shell for whatever comes next, if none waits. Never throws; there may be nothing to start. */
export function warmUp(): void {
  if (base !== undefined) waiting ??= start(base.env, base.cwd)
}

async function start(env: Record<string, string>, folder: string): Promise<Warm | undefined> {
  const streams = borrowStreams()
  try {
    const cwd = physicalFolder(folder)
    const session = await startSession(['bash', '-pc', READ, 'bash'], {
      cwd,
      env,
      out: streams.out.fd,
      err: streams.err.fd,
      piped: true,
    })
    session.idle(true)
    return { ...session, streams, env, cwd }
  } catch {
    // Whoever needs a process next starts it himself, and hears why it cannot be.
    streams.release(false)
    return undefined
  }
}

/** What a shell is told, as fields; undefined when it is better started cold. */
export interface Instructions {
  env: Record<string, string>
  cwd: string
  /** What bash calls itself in messages. */
  name: string
  /** `$1`, `$2` … of the program. */
  args: string[]
  /** Ours; it sees the arguments. */
  program: string
  files?: { out: string; err: string; receipt: string }
}

/** A shell that waited, told what to do. Undefined when there is none, or it cannot be told. */
export async function takeWarm(told: Instructions): Promise<Warm | undefined> {
  const known = waiting
  if (known === undefined) return undefined
  let cwd: string
  try {
    cwd = physicalFolder(told.cwd)
  } catch {
    // Whoever starts a process there hears why it cannot be.
    return undefined
  }
  waiting = undefined
  const warm = await known
  if (warm === undefined) return undefined
  const fields = fieldsFor(warm, { ...told, cwd })
  if (fields === undefined || warm.ended()) {
    dismiss(warm)
    return undefined
  }
  warm.idle(false)
  warm.pipe?.write(fields)
  return warm
}

function fieldsFor(warm: Warm, told: Instructions): string | undefined {
  const fields: string[] = []
  for (const name of new Set([...Object.keys(warm.env), ...Object.keys(told.env)])) {
    const value = told.env[name]
    if (FOLDER.test(name) || (value === warm.env[name] && !SPENT.test(name))) continue
    // What is no name for a shell is handed on only by a process that gets it at its start.
    if (SPECIAL.test(name) || !/^[A-Za-z_]\w*$/.test(name)) return undefined
    fields.push(value === undefined ? `u${name}` : `e${name}=${value}`)
  }
  if (told.cwd !== warm.cwd) fields.push(`c${told.cwd}`)
  const { files } = told
  if (files !== undefined) fields.push(`f${files.receipt}`, `o${files.out}`, `x${files.err}`)
  fields.push(`n${told.name}`, ...told.args.map((arg) => `a${arg}`), `p${told.program}`, 'r')
  const text = `${fields.join('\0')}\0`
  return text.length > LONGEST || fields.some((field) => field.includes('\0')) ? undefined : text
}

function dismiss(warm: Warm): void {
  warm.pipe?.destroy()
  void warm.exited.then(() => {
    warm.streams.release(false)
  })
}

/** Sends the shell that waits away; without it the process could not end quietly. */
export async function coolDown(): Promise<void> {
  base = undefined
  const known = waiting
  waiting = undefined
  const warm = await known
  if (warm !== undefined) dismiss(warm)
}
