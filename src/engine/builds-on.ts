/** Asks the journal whether another environment has proven what is to be deployed. Touches nothing. */
import { frozen, judgeProof, notProven, type Comparable, type Proof } from '../core/builds-on.ts'
import { isRunbookError } from '../core/errors.ts'
import { EXIT, failure } from '../core/errors.ts'
import type { Plan } from '../core/plan.ts'
import { fingerprint } from '../core/secrets.ts'
import { durationOf, textOf } from '../core/templates.ts'
import type { View } from '../core/view.ts'
import { formatDuration } from '../core/durations.ts'
import { msLeft } from '../core/waiting.ts'
import { inputBinder, type InputBinder } from './bind-inputs.ts'
import { loadKey } from './key.ts'
import { offlineScope } from './plan-report.ts'
import { loadRun, type KnownRun, type Session } from './session.ts'
import { listenForStop } from './stop.ts'
import { stay } from './waiting.ts'

export interface ProofWishes {
  /** From `--var`. */
  vars: Record<string, string>
  /** A plan runs no command to learn a value. */
  withoutCommands: boolean
}

/** What the journal says now; undefined when the environment comes after none. */
export async function proofOf(
  session: Session,
  plan: Plan,
  wishes: ProofWishes,
): Promise<Proof | undefined> {
  const { after } = plan.environment
  if (after === undefined) return undefined
  const at_least = durationOf(after.at_least ?? '0s', offlineScope(plan))
  if (typeof at_least !== 'string')
    throw failure(EXIT.usage, `after, at_least: ${at_least.problem} (${after.at})`)
  const { environment, same } = after
  const [head] = await session.store.runs({ runbook: plan.runbook, environment, limit: 1 })
  const before = head === undefined ? undefined : await loadRun(session.store, head)
  const binder = inputBinder(plan, { root: session.root, ...wishes })
  const compared = []
  for (const name of before === undefined ? [] : same)
    compared.push({ name, ...(await compare(session, plan, name, before, binder)) })
  return judgeProof(plan, at_least, before, compared, Date.now())
}

/** Both sides as values where both plans froze them, else both as fingerprints. */
async function compare(
  session: Session,
  plan: Plan,
  name: string,
  before: KnownRun | undefined,
  binder: InputBinder,
): Promise<{ here: Comparable; there: Comparable }> {
  const here = frozen(plan, name)
  const there = before && frozen(before.plan, name)
  if (here !== undefined && there !== undefined)
    return { here: { value: here }, there: { value: there } }
  const printed = (text: string) => ({
    fingerprint: fingerprint(loadKey(session.root), text),
  })
  const recorded = before?.state.fingerprints[name]
  return {
    here: here === undefined ? await bound(binder, name, printed) : printed(here),
    there:
      there !== undefined
        ? printed(there)
        : recorded === undefined
          ? { unknown: 'its value there was not recorded' }
          : { fingerprint: recorded },
  }
}

async function bound(
  binder: InputBinder,
  name: string,
  printed: (text: string) => Comparable,
): Promise<Comparable> {
  try {
    const values = await binder.pick([name], {})
    return printed(textOf(values[name]))
  } catch (error) {
    if (!isRunbookError(error)) throw error
    return { unknown: error.message }
  }
}

/**
 * Throws exit 6 or 9 unless the proof holds. `attached`: where only time is missing, stays until it is
 * over and looks again. Gives the run that it builds on.
 */
export async function demandProof(
  session: Session,
  plan: Plan,
  wishes: ProofWishes,
  attached: boolean,
  view: Pick<View, 'progress'>,
): Promise<string | undefined> {
  for (;;) {
    const proof = await proofOf(session, plan, wishes)
    if (proof === undefined || proof.held) return proof?.run
    if (proof.until === undefined || !attached) throw notProven(plan, proof)
    await stayUntilProven(proof.until, proof.environment, view)
  }
}

async function stayUntilProven(
  until: string,
  environment: string,
  view: Pick<View, 'progress'>,
): Promise<void> {
  const note = (text: string) => {
    view.progress({ kind: 'note', text })
  }
  const left = formatDuration(msLeft(until, Date.now()))
  note(`waiting until ${until} (${left}), when ${environment} has stood long enough`)
  const stop = listenForStop(note, 'left; nothing was touched')
  try {
    const due = await stay(until, stop.pause, () => undefined)
    if (!due)
      throw failure(stop.exitCode(), 'stopped while waiting; nothing was touched', {
        hint: 'give the same command again',
      })
  } finally {
    stop.release()
  }
}
