/** A process as a service: a command that serves on the port it is given. */
import { randomBytes } from 'node:crypto'
import { realpathSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { delimiter, dirname, join } from 'node:path'
import { EXIT, failure } from '../core/errors.ts'
import type { ProcessIdentity } from '../core/events.ts'
import { canonicalJson, sha256 } from '../core/plan.ts'
import type { Service } from '../core/runbook.ts'
import { isTemplateError, resolve, textOf } from '../core/templates.ts'
import { endDaemon, ended, freePort, startDaemon, tailOf } from '../lib/daemons.ts'
import { sleepUnless } from '../lib/pause.ts'
import { privateFolder, readPrivate, replacePrivate } from '../lib/private-files.ts'
import { alive } from '../lib/processes.ts'
import { endLeftovers, TOKEN } from '../lib/tree.ts'
import { which } from '../lib/which.ts'
import { patience } from './ask.ts'
import { needsOf } from './input-sources.ts'
import { withheldFrom } from './process-environment.ts'
import {
  interrupted,
  type ServiceAddress,
  type ServiceContext,
  type ServiceKind,
  type ServicesScope,
} from './service.ts'

/** What the next command must know. */
type Known = { port: number } & (Running | { process?: undefined })

interface Running {
  process: ProcessIdentity
  /** In the environment of everything that it starts. */
  token: string
  /** A hash of what it was started with. */
  spec: string
}

type Run = Extract<Service, { kind: 'run' }>

/** How long a service may take to be ready when its check does not say. */
const READY_MS = 60_000
/** How long one that runs already may be away: what uses it may be putting it in order just now. */
const AWAY_MS = 2000
/** From TERM to KILL. */
const GRACE_MS = 5000

/** No process has this number. */
const NOBODY = 2 ** 30

/** Waits for the word that its identity is on record; without it, we died, and it never starts. */
const GATE = 'IFS= read -r _ <&3 || exit 0; exec 3<&-; exec bash -c "$0"'

/** The service in its folder. */
export function runService(
  name: string,
  service: Run,
  folder: string,
  context: ServiceContext,
): ServiceKind {
  const path = join(folder, 'process.json')
  const log = join(folder, 'service.log')
  const dir = join(folder, 'data')
  const known = (): Known | undefined => {
    const text = readPrivate(path)?.toString('utf8')
    return text === undefined ? undefined : (JSON.parse(text) as Known)
  }
  const remember = (now: Known) => {
    replacePrivate(path, JSON.stringify(now))
  }
  const address = (port: number): ServiceAddress => ({ url: `http://127.0.0.1:${port}`, port, dir })

  const begin = async (port: number, token: string, env: Record<string, string>, spec: string) => {
    const { identity, gate } = await startDaemon(['bash', '-c', GATE, service.run], {
      cwd: context.root,
      env: { ...env, [TOKEN]: token },
      log,
    })
    remember({ process: identity, token, port, spec })
    gate.end('go\n')
    return identity
  }

  const end = async (): Promise<void> => {
    const now = known()
    if (now?.process === undefined) return
    const { process, token } = now
    // Once the leader is gone its number may be somebody else's: only the token tells then.
    const leader = alive(process) ? process.pid : NOBODY
    await endDaemon(process, { signal: 'SIGTERM', grace_ms: GRACE_MS, group: true })
    await endLeftovers({ leader, token }, Infinity)
    // The port is kept: people have it in their browsers.
    remember({ port: now.port })
  }

  const readiness = async (services: ServicesScope, port: number) => {
    const { ready } = service
    if (ready === undefined) return { ask: () => listens(port) }
    const inputs = await context.pick(needsOf(ready).inputs, services)
    const scope = { inputs, services }
    const retry = startable(name, () => patience(ready.retry, scope))
    return { ask: () => context.isReady(ready, scope), ...retry }
  }

  const waitUntilReady = async (
    process: ProcessIdentity,
    services: ServicesScope,
    port: number,
    runsAlready = false,
  ) => {
    const { ask, within = READY_MS, every } = await readiness(services, port)
    const patience_ms = runsAlready ? AWAY_MS + (every ?? 0) : within
    const asked = new AbortController()
    const unwanted = AbortSignal.any([asked.signal, context.interrupt])
    let isOver = false
    const over = ended(process, patience_ms, unwanted).then(() => void (isOver = true))
    try {
      for (let pause = every ?? 20; !isOver; pause = every ?? Math.min(pause * 1.5, 500)) {
        // An answer may belong to somebody else on that port, and may be long in coming.
        const holds = await Promise.race([ask(), over])
        if (holds === true && alive(process)) return
        if (holds === undefined || !alive(process)) break
        await Promise.race([sleepUnless(pause, unwanted), over])
      }
    } finally {
      asked.abort()
    }
    if (context.interrupt.aborted) throw interrupted()
    throw notReady(alive(process) ? 'was not ready in time' : 'ended before it was ready')
  }
  const comesBack = (process: ProcessIdentity, services: ServicesScope, port: number) =>
    waitUntilReady(process, services, port, true).then(
      () => true,
      (error: unknown) => {
        if (context.interrupt.aborted) throw error
        return false
      },
    )
  const notReady = (what: string): Error => {
    const tail = context.masker.mask(tailOf(log))
    const said = tail === '' ? 'it said nothing' : `it said:\n${tail}`
    return failure(EXIT.precondition, `the service ${name} ${what}; ${said}`, {
      hint: `its output is in ${log}`,
    })
  }

  return {
    async start(shared, others) {
      const before = known()
      const wanted = async (port: number) => {
        const services = { ...others, [name]: address(port) }
        const own = await ownEnvironment(name, service, services, context)
        return { services, own, spec: sha256(canonicalJson([service.run, own])) }
      }
      if (before?.process !== undefined && alive(before.process)) {
        const { services, spec } = await wanted(before.port)
        if (shared) {
          if (before.spec !== spec) {
            context.say(
              `${name}: another command uses it; what changed counts from its next start on`,
            )
          }
          return address(before.port)
        }
        // Whoever used it was killed, and an action of theirs may be at work with it still.
        if (before.spec === spec && (await comesBack(before.process, services, before.port)))
          return address(before.port)
      }
      await end()
      for (let tries = 1; ; tries += 1) {
        const port = await freePort(tries === 1 ? before?.port : undefined)
        const { services, own, spec } = await wanted(port)
        const token = `runbook-service-${randomBytes(12).toString('hex')}`
        const env = {
          ...withNode(withheldFrom(context.env, context.withheld)),
          ...own,
          PORT: String(port),
          RUNBOOK_SERVICE_DIR: privateFolder(dir),
        }
        try {
          const process = await begin(port, token, env, spec)
          await waitUntilReady(process, services, port)
          return address(port)
        } catch (error) {
          // Between our look and its start somebody else may have taken the port.
          const taken = /EADDRINUSE|address already in use/i.test(String(error))
          if (tries === 3 || !taken || context.interrupt.aborted) throw error
          await end()
        }
      }
    },
    stop: end,
    removeData() {
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

/** What the service itself declares, calculated over the services before it and over inputs. */
async function ownEnvironment(
  name: string,
  service: Run,
  services: ServicesScope,
  context: ServiceContext,
): Promise<Record<string, string>> {
  const inputs = await context.pick(needsOf(service.env).inputs, services)
  return startable(name, () =>
    Object.fromEntries(
      Object.entries(service.env).map(([variable, template]) => {
        return [variable, textOf(resolve(template, { inputs, services }))]
      }),
    ),
  )
}

/** What is calculated; where that cannot be, the service cannot be started. */
function startable<T>(name: string, calculate: () => T): T {
  try {
    return calculate()
  } catch (error) {
    if (!isTemplateError(error)) throw error
    throw failure(EXIT.usage, `the service ${name} cannot be started: ${error.message}`, {
      hint: 'a service sees inputs and the services declared before it',
    })
  }
}

/** With our own Node first where the machine's `node` is another one, which may be too old. */
function withNode(env: Record<string, string>): Record<string, string> {
  const found = which('node', env.PATH)
  if (found !== undefined && realpathSync(found) === realpathSync(process.execPath)) return env
  return { ...env, PATH: [dirname(process.execPath), env.PATH ?? ''].join(delimiter) }
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const answer = (open: boolean) => {
      socket.destroy()
      resolve(open)
    }
    socket.once('connect', () => answer(true))
    socket.once('error', () => answer(false))
  })
}
