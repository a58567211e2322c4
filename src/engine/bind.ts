/** From a plan to what can run: services up, inputs bound, secrets known to the masker. */
import type { Plan } from '../core/plan.ts'
import { createMasker, fingerprint } from '../core/secrets.ts'
import { inputBinder } from './bind-inputs.ts'
import { loadKey } from './key.ts'
import type { Bound } from './runtime.ts'
import { startServices } from './services.ts'
import type { Session } from './session.ts'

export interface BindWishes {
  /** From `--var`. */
  vars: Record<string, string>
  /** Throw away the sandbox's data first. */
  fresh: boolean
  /** One sentence at a time, for people. */
  say: (text: string) => void
  /** Where something can be looked at. */
  place: (name: string, url: string) => void
  interrupt?: AbortSignal
}

/** What was bound, and how its services are ended again. */
export interface Opened {
  bound: Bound
  fingerprints: Record<string, string>
  close: () => Promise<void>
}

/** Starts the environment's services and binds every input. Throws exit 2 with all that is missing. */
export async function bind(session: Session, plan: Plan, wishes: BindWishes): Promise<Opened> {
  const { root, folder, actor } = session
  const interrupt = wishes.interrupt === undefined ? {} : { interrupt: wishes.interrupt }
  const binder = inputBinder(plan, { root, vars: wishes.vars, ...interrupt })
  const services = await startServices(plan, binder, { root, fresh: wishes.fresh, say: wishes.say, ...interrupt })
  try {
    const { values, secrets, sourceVariables } = await binder.all(services.scope)
    let key: Buffer | undefined
    const bound: Bound = {
      root, folder, plan, actor, secrets,
      inputs: values,
      withheld: sourceVariables,
      services: services.scope,
      masker: createMasker(secrets),
      key: () => (key ??= loadKey(root)),
    }
    for (const name of bound.masker.weakSecrets()) {
      wishes.say(`the secret ${name} is too short or too common to be hidden in output`)
    }
    for (const [name, input] of Object.entries(plan.inputs)) {
      if (input.kind === 'late' && !input.secret && input.type === 'url') wishes.place(name, String(values[name]))
    }
    const fingerprints = Object.fromEntries([...secrets].map(([name, value]) => [name, fingerprint(bound.key(), value)]))
    return { bound, fingerprints, close: () => services.stop() }
  } catch (error) {
    await services.stop()
    throw error
  }
}
