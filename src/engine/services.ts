/** The services of a sandbox: started when a command needs them, shared by commands, ended with the last. */
import { randomBytes } from 'node:crypto'
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { EXIT, failure } from '../core/errors.ts'
import type { ProcessIdentity } from '../core/events.ts'
import type { Plan } from '../core/plan.ts'
import type { Environment, Service } from '../core/runbook.ts'
import { withFileLock } from '../lib/file-lock.ts'
import { privateFolder, readPrivate, replacePrivate } from '../lib/private-files.ts'
import { alive, self } from '../lib/processes.ts'
import { sourceVariables, type InputBinder } from './bind-inputs.ts'
import { environmentFolder } from './key.ts'
import {
  interrupted,
  type ServiceContext,
  type ServiceKind,
  type ServicesOptions,
  type ServicesScope,
} from './service.ts'
import { postgresService } from './service-postgres.ts'
import { runService } from './service-run.ts'

export interface RunningServices {
  scope: ServicesScope
  /** Ends them in reverse order, unless another command still uses them. May be called twice. */
  stop(): Promise<void>
}

/**
 * Starts the services of a plan's environment in the order in which they are declared, each with the
 * inputs that can be bound by then. Throws exit 6 when one does not get ready.
 */
export async function startServices(
  plan: Pick<Plan, 'runbook' | 'environment' | 'inputs'>,
  binder: Pick<InputBinder, 'pick'>,
  options: ServicesOptions,
): Promise<RunningServices> {
  const { runbook, environment } = plan
  const declared = Object.entries(environment.services)
  if (declared.length === 0) return { scope: {}, stop: () => Promise.resolve() }

  const context: ServiceContext = {
    env: process.env,
    interrupt: new AbortController().signal,
    ...options,
    withheld: sourceVariables(plan),
    pick: (names, services) => binder.pick(names, services),
  }
  const folder = privateFolder(
    environmentFolder(options.root, 'services', runbook, environment.name),
  )
  const users = usersOf(folder)
  const kinds = declared.map(([name, service]) => ({
    name,
    kind: kindOf(name, service, folder, context),
  }))
  const locked = <T>(work: () => Promise<T>) =>
    withFileLock(join(folder, 'lock'), work, () => {
      options.say(
        `waiting for another command that starts or ends the services of ${environment.name}`,
      )
    })

  const stopAll = async (): Promise<void> => {
    for (const { kind } of kinds.toReversed()) await kind.stop()
  }

  const scope: ServicesScope = {}
  const me = await locked(async () => {
    const shared = users.others() > 0
    if (options.fresh === true) {
      if (shared) throw inUse(environment)
      await stopAll()
      for (const { kind } of kinds) kind.removeData()
    }
    const mine = users.add()
    try {
      for (const { name, kind } of kinds) {
        if (context.interrupt.aborted) throw interrupted()
        scope[name] = await kind.start(shared, { ...scope })
      }
      return mine
    } catch (error) {
      users.remove(mine)
      if (!shared) await stopAll()
      throw error
    }
  })

  let stopped: Promise<void> | undefined
  const stop = (): Promise<void> =>
    (stopped ??= locked(async () => {
      users.remove(me)
      if (users.others() === 0) await stopAll()
    }))
  return { scope, stop }
}

function kindOf(
  name: string,
  service: Service,
  folder: string,
  context: ServiceContext,
): ServiceKind {
  const own = privateFolder(join(folder, name))
  return service.kind === 'postgres'
    ? postgresService(name, service, own, context)
    : runService(name, service, own, context)
}

/** Which commands use the services: a file for each, which counts for as long as its process lives. */
function usersOf(folder: string) {
  const users = privateFolder(join(folder, 'users'))
  const lives = (file: string): boolean => {
    const text = readPrivate(join(users, file))?.toString('utf8')
    try {
      return text !== undefined && alive(JSON.parse(text) as ProcessIdentity)
    } catch {
      return false
    }
  }
  return {
    add(): string {
      const file = `${process.pid}-${randomBytes(4).toString('hex')}`
      replacePrivate(join(users, file), JSON.stringify(self()))
      return file
    },
    remove(file: string): void {
      rmSync(join(users, file), { force: true })
    },
    /** How many there are besides those that died, whose files go. Asked under the lock only. */
    others(): number {
      const files = readdirSync(users)
      for (const file of files) if (!lives(file)) rmSync(join(users, file), { force: true })
      return readdirSync(users).length
    },
  }
}

function inUse(environment: Environment): Error {
  return failure(EXIT.busy, `another command uses the services of ${environment.name}`, {
    hint: 'wait until it has ended, or give the command without --fresh',
  })
}
