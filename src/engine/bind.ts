/** From a plan to what can run: services up, inputs bound, secrets known to the masker. */
import type { Plan } from '../core/plan.ts'
import { EXIT, failure } from '../core/errors.ts'
import { textOf } from '../core/templates.ts'
import { createMasker, fingerprint } from '../core/secrets.ts'
import { askCheck } from './ask.ts'
import { inputBinder, sourceVariables } from './bind-inputs.ts'
import { sourceOf } from './input-sources.ts'
import { loadKey, stateFolder } from './key.ts'
import type { Bound } from './runtime.ts'
import { askingOutsideARun } from './outside.ts'
import { startServices } from './services.ts'
import type { Session } from './session.ts'
import { demandGoingOn, listenForStop, type Stop } from './stop.ts'

export interface BindWishes {
  /** From `--var`. */
  vars: Record<string, string>
  /** Throw away the sandbox's data first, once this is done: closing the runs that it belongs to. */
  startOver?: (() => Promise<void>) | undefined
  /** The command may come to drive a run. */
  drives?: boolean
  /** One sentence at a time, for people. */
  say: (text: string) => void
  /** Where something can be looked at. */
  place: (name: string, url: string) => void
  /** Only a deploy runs the commands that inputs come from. */
  withoutCommands?: boolean
}

/** What was bound, and how its services are ended again. */
export interface Opened {
  bound: Bound
  fingerprints: Record<string, string>
  close: () => Promise<void>
}

/**
 * Starts the environment's services and binds every input. Throws exit 2 with all that is missing. Signals
 * are listened for from here until it is closed.
 */
export async function bind(session: Session, plan: Plan, wishes: BindWishes): Promise<Opened> {
  const stop = listenForStop(wishes.say, 'left at once; services may still be up')
  try {
    return await open(session, plan, wishes, stop)
  } catch (error) {
    stop.release()
    demandGoingOn(stop)
    throw error
  }
}

async function open(session: Session, plan: Plan, wishes: BindWishes, stop: Stop): Promise<Opened> {
  const { root, actor } = session
  const folder = stateFolder(root)
  // What cannot be recorded is not begun: no service is started, and nobody is asked anything.
  if (wishes.drives === true) await session.store.prepare()
  const interrupt = stop.pause
  const binder = inputBinder(plan, {
    root,
    vars: wishes.vars,
    withoutCommands: wishes.withoutCommands === true,
    interrupt,
  })
  const masker = createMasker()
  let key: Buffer | undefined
  const common = { root, folder, plan, actor, masker, stop, key: () => (key ??= loadKey(root)) }
  // What a person forgot is said before anything is thrown away.
  if (wishes.startOver !== undefined) await binder.pick(givenByPersons(plan, wishes.vars), {})
  const services = await startServices(plan, binder, {
    root,
    ...(wishes.startOver !== undefined && { startOver: wishes.startOver }),
    drives: wishes.drives === true,
    say: wishes.say,
    masker,
    interrupt,
    isReady: async (check, scope) => {
      // What is bound by now is all that a service's own check may look at.
      const early: Bound = {
        ...common,
        ...scope,
        secrets: new Map(),
        withheld: sourceVariables(plan),
      }
      const asking = askingOutsideARun(early, nobodyAnswers, 'ready')
      // The environment's folder may be one that a service makes.
      const here = { cwd: '.', ...check }
      return (await askCheck(early, here, { ...asking, patient: false })).asked.answer === 'holds'
    },
  })
  try {
    const { values, secrets, sourceVariables: withheld } = await binder.all(services.scope)
    for (const [name, value] of secrets) masker.add(name, value)
    const bound: Bound = {
      ...common,
      secrets,
      withheld,
      inputs: values,
      services: services.scope,
      driven: services.drive,
    }
    for (const name of bound.masker.weakSecrets()) {
      wishes.say(`the secret ${name} is too short or too common to be hidden in output`)
    }
    for (const [name, input] of Object.entries(plan.inputs)) {
      if (input.kind === 'late' && !input.secret && input.type === 'url')
        wishes.place(name, String(values[name]))
    }
    // What a command gave is nowhere else recorded, and another environment may be compared with it.
    const given = Object.keys(plan.inputs)
      .filter((name) => plan.environment.inputs[name]?.kind === 'command')
      .map((name) => [name, textOf(values[name])] as const)
    const fingerprints = Object.fromEntries(
      [...secrets, ...given].map(([name, value]) => [name, fingerprint(bound.key(), value)]),
    )
    const close = () => {
      // Who was told that the next signal leaves at once is not told otherwise.
      if (stop.asked() === undefined) stop.ends()
      return services.stop().finally(() => {
        stop.release()
      })
    }
    return { bound, fingerprints, close }
  } catch (error) {
    await services.stop()
    throw error
  }
}

/** The inputs that can neither come from a service nor be what one makes. */
function givenByPersons({ inputs, environment }: Plan, vars: Record<string, string>): string[] {
  return Object.entries(inputs).flatMap(([name, input]) => {
    if (input.kind === 'value') return []
    const { kind } = sourceOf(name, input.declared, environment, vars)
    return kind === 'var' || kind === 'env' || kind === 'none' ? [name] : []
  })
}

const nobodyAnswers = (): Promise<never> =>
  Promise.reject(failure(EXIT.usage, 'whether a service is ready is no question for a person'))
