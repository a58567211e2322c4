// One process of a unit, from its start to its end.
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { UnitSpec, Variables } from './spec.ts'

export interface Running {
  pid: number
  /** Where it listens on this machine. */
  port: number
  /** The release folder it was started from. */
  folder: string
  /** Requests that the balancer has open with it. */
  busy: number
  /** True once it is to end: it gets no new request. */
  leaving: boolean
  ended: boolean
  /** Lets its requests end, then ends it. */
  stop: () => Promise<void>
}

const START_MS = 15_000
const DRAIN_MS = 5_000
const STOP_MS = 4_000

/** NAME=value lines; nothing else is understood, so nothing in the file is ever run. */
export function readEnvFile(file: string): Record<string, string> {
  if (!existsSync(file)) return {}
  const found: Record<string, string> = {}
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    const match = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/.exec(line)
    if (match?.[1] !== undefined) found[match[1]] = match[2] ?? ''
  }
  return found
}

/**
 * Starts a process of a unit in a release folder and waits until it says on which port it listens (a
 * message `{ port }` over its channel). Undefined when it ended, or said nothing for 15 s.
 * @param set what was set by hand, for example by `kubectl set env`; comes over the unit's files
 * @param gone is called when it ends later, whatever the reason
 */
export async function launch(
  dir: string,
  spec: UnitSpec,
  folder: string,
  set: Variables,
  gone: (ended: Running) => void,
): Promise<Running | undefined> {
  const logs = join(dir, 'logs')
  mkdirSync(logs, { recursive: true })
  const out = openSync(join(logs, `${spec.name}.out.log`), 'a')
  const files = (spec.envFiles ?? []).map((file) => readEnvFile(join(dir, file)))
  const child = spawn(process.execPath, [join(folder, spec.main ?? 'src/main.js')], {
    cwd: folder,
    env: {
      PATH: process.env['PATH'],
      NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'],
      ...spec.defaults,
      ...Object.assign({}, ...files),
      ...set,
      ...spec.fixed,
      LOG_FILE: join(logs, spec.log ?? `${spec.name}.log`),
      HOST: '127.0.0.1',
      PORT: '0',
    },
    // The channel also ends the process when this one dies without a word.
    stdio: ['ignore', out, out, 'ipc'],
  })
  closeSync(out)
  const port = await portOf(child)
  if (port === undefined || child.pid === undefined) {
    child.kill('SIGKILL')
    return undefined
  }
  const running: Running = {
    pid: child.pid,
    port,
    folder,
    busy: 0,
    leaving: false,
    ended: false,
    async stop() {
      running.leaving = true
      const until = Date.now() + DRAIN_MS
      while (running.busy > 0 && Date.now() < until) await sleep(5)
      await end(child)
    },
  }
  child.on('exit', () => {
    running.ended = true
    gone(running)
  })
  if (child.exitCode !== null || child.signalCode !== null) return undefined
  return running
}

function portOf(child: ChildProcess): Promise<number | undefined> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(undefined), START_MS)
    const settle = (port: number | undefined): void => {
      clearTimeout(timer)
      resolve(port)
    }
    child.on('message', (message) => {
      const told = (message as { port?: unknown }).port
      if (typeof told === 'number') settle(told)
    })
    child.on('error', () => settle(undefined))
    child.on('exit', () => settle(undefined))
  })
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
  await ended
  clearTimeout(timer)
}
