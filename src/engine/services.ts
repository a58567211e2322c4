/** The services of a sandbox: started when a command needs them, shared by commands, ended with the last. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { EXIT, failure } from '../core/errors.ts'
import type { Plan } from '../core/plan.ts'
import type { Environment, Service } from '../core/runbook.ts'
import { createMasker } from '../core/secrets.ts'
import { withFileLock } from '../lib/file-lock.ts'
import { privateFolder } from '../lib/private-files.ts'
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
import { usersOf } from './service-users.ts'

export interface RunningServices {
  scope: ServicesScope
  /** A run is driven with them from here on: should we die, they stay up until it is gone on with. */
  drive: () => void
  /**
   * Ends them in reverse order, unless another command still uses them, or an action may that a dead
   * one left and that we did not go on with. May be called twice.
   */
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
  if (Object.keys(environment.services).length === 0) {
    await options.startOver?.()
    return { scope: {}, drive: () => undefined, stop: () => Promise.resolve() }
  }

  const context: ServiceContext = {
    env: process.env,
    interrupt: new AbortController().signal,
    drives: false,
    ...options,
    withheld: sourceVariables(plan),
    pick: (names, services) => binder.pick(names, services),
  }
  const { users, kinds, locked, stopAll } = placeOf(runbook, environment, context)
  const scope: ServicesScope = {}
  const goOn = () => {
    if (context.interrupt.aborted) throw interrupted()
  }
  const me = await locked(async () => {
    if (options.startOver !== undefined) {
      if (users.count().living > 0) throw inUse(environment)
      goOn()
      // First in the record: should we die in between, no run claims what is gone.
      await options.startOver()
      await stopAll()
      users.settle()
      for (const { kind } of kinds) kind.removeData()
      context.say(`${environment.name} is made anew: the data of its services is gone`)
    }
    const { living, left } = users.count()
    const shared = living > 0 || (left > 0 && options.drives !== true)
    const mine = users.add()
    try {
      for (const { name, kind } of kinds) {
        goOn()
        scope[name] = await kind.start(shared, { ...scope })
      }
      return mine
    } catch (error) {
      users.remove(mine)
      if (living + left === 0) await stopAll()
      throw error
    }
  }, goOn)

  let drives = false
  const drive = () => {
    drives = true
    users.drives(me)
  }
  let stopped: Promise<void> | undefined
  const stop = (): Promise<void> =>
    (stopped ??= locked(async () => {
      users.remove(me)
      if (drives) users.settle()
      const { living, left } = users.count()
      if (living + left === 0) await stopAll()
    }))
  return { scope, drive, stop }
}

/** Ends the services that the dead driver of a run left, which nobody will go on with. */
export async function endServices(
  { runbook, environment }: Pick<Plan, 'runbook' | 'environment'>,
  options: Pick<ServicesOptions, 'root' | 'say'>,
): Promise<void> {
  if (!existsSync(environmentFolder(options.root, 'services', runbook, environment.name))) return
  const { users, locked, stopAll } = placeOf(runbook, environment, {
    ...options,
    env: process.env,
    interrupt: new AbortController().signal,
    masker: createMasker(),
    drives: false,
    withheld: [],
    pick: () => Promise.resolve({}),
    isReady: () => Promise.resolve(false),
  })
  await locked(async () => {
    users.settle()
    if (users.count().living === 0) await stopAll()
  })
}

/** The services in their folder, and who uses them. */
function placeOf(runbook: string, environment: Environment, context: ServiceContext) {
  const folder = privateFolder(
    environmentFolder(context.root, 'services', runbook, environment.name),
  )
  const kinds = Object.entries(environment.services).map(([name, service]) => ({
    name,
    kind: kindOf(name, service, folder, context),
  }))
  return {
    users: usersOf(folder),
    kinds,
    locked: <T>(work: () => Promise<T>, goOn: () => void = () => undefined) =>
      withFileLock(join(folder, 'lock'), work, (tries) => {
        goOn()
        if (tries === 20)
          context.say(
            `waiting for another command that starts or ends the services of ${environment.name}`,
          )
      }),
    stopAll: async (): Promise<void> => {
      for (const { kind } of kinds.toReversed()) await kind.stop()
    },
  }
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

function inUse(environment: Environment): Error {
  return failure(EXIT.busy, `another command uses the services of ${environment.name}`, {
    hint: 'wait until it has ended, or give the command without --fresh',
  })
}
