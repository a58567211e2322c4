// The one supervised process: the release that `current` points to.
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, realpathSync } from 'node:fs'
import { join } from 'node:path'

type State = 'active' | 'inactive' | 'failed'

export interface Unit {
  state(): State
  pid(): number | undefined
  /** Where the release listens while it is up. */
  port(): number | undefined
  start: () => Promise<State>
  stop: () => Promise<State>
  restart: () => Promise<State>
}

type Variables = Record<string, string | undefined>

/** NAME=value lines; nothing else is understood, so nothing in the file is ever run. */
function readEnvFile(file: string): Variables {
  if (!existsSync(file)) return {}
  const found: Variables = {}
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    const match = /^([A-Z][A-Z0-9_]*)=(.*)$/.exec(line)
    if (match?.[1] !== undefined) found[match[1]] = match[2]
  }
  return found
}

const START_MS = 15_000
const STOP_MS = 4_000

export function makeUnit(dir: string, env: { defaults: Variables; fixed: Variables }): Unit {
  let child: ChildProcess | undefined
  let port: number | undefined
  let state: State = 'inactive'
  let crashes: number[] = []
  // Requests are carried out one after the other: two restarts at once are two restarts.
  let last: Promise<unknown> = Promise.resolve()

  function inTurn(work: () => Promise<void>): Promise<State> {
    const next = last.then(work)
    last = next.catch(() => undefined)
    return next.then(() => state)
  }

  function launch(): Promise<void> {
    const logs = join(dir, 'logs')
    mkdirSync(logs, { recursive: true })
    const out = openSync(join(logs, 'unit.log'), 'a')
    let release: string
    try {
      // The folder itself, not the link: a release goes on from its own files after a switch.
      release = realpathSync(join(dir, 'releases', 'current'))
    } catch {
      state = 'failed'
      closeSync(out)
      return Promise.resolve()
    }
    const started = spawn(process.execPath, [join(release, 'src', 'main.js')], {
      cwd: release,
      env: {
        PATH: process.env['PATH'],
        ...env.defaults,
        ...readEnvFile(join(dir, 'config', '.env.production')),
        ...env.fixed,
        LOG_FILE: join(logs, 'app.log'),
        HOST: '127.0.0.1',
        PORT: '0',
      },
      // The channel also ends the release when this process dies without a word.
      stdio: ['ignore', out, out, 'ipc'],
    })
    closeSync(out)
    child = started
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        state = 'failed'
        started.kill('SIGKILL')
        resolve()
      }, START_MS)
      started.on('message', (message) => {
        const told = (message as { port?: unknown }).port
        if (typeof told !== 'number') return
        clearTimeout(timer)
        port = told
        state = 'active'
        resolve()
      })
      started.on('error', () => undefined)
      started.on('exit', () => {
        clearTimeout(timer)
        if (child === started) {
          child = undefined
          port = undefined
          if (state !== 'inactive') {
            const wasUp = state === 'active'
            state = 'failed'
            if (wasUp) recover()
          }
        }
        resolve()
      })
    })
  }

  // As Restart=on-failure: a release that ends by itself comes back, but not for ever.
  function recover(): void {
    const now = Date.now()
    crashes = [...crashes.filter((at) => now - at < 30_000), now]
    if (crashes.length > 3) return
    void inTurn(async () => {
      if (state === 'failed') await start()
    })
  }

  async function start(): Promise<void> {
    if (child !== undefined) return
    state = 'failed'
    await launch()
  }

  async function stop(): Promise<void> {
    const running = child
    state = 'inactive'
    if (running === undefined) return
    port = undefined
    const ended = new Promise<void>((resolve) => running.once('exit', () => resolve()))
    running.kill('SIGTERM')
    const timer = setTimeout(() => running.kill('SIGKILL'), STOP_MS)
    await ended
    clearTimeout(timer)
    child = undefined
  }

  return {
    state: () => state,
    pid: () => child?.pid,
    port: () => port,
    start: () => inTurn(start),
    stop: () => inTurn(stop),
    restart: () =>
      inTurn(async () => {
        await stop()
        crashes = []
        await start()
      }),
  }
}
