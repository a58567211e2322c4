/** Which run a command takes, said aloud, and whether its secrets are still the same. */
import type { View } from '../core/view.ts'
import { outlet } from '../lib/outlet.ts'
import { dateTime } from '../views/times.ts'
import { isSecret } from '../engine/bind-inputs.ts'
import { findRun, type KnownRun, type RunReference, type Session } from '../engine/session.ts'

/** The run that is meant; when the person did not name its id, the command says which it took. */
export async function runMeant(
  session: Session,
  ref: RunReference,
  wanted: (run: KnownRun) => boolean,
  view: Pick<View, 'progress'>,
): Promise<KnownRun | undefined> {
  const known = await findRun(session.store, ref, wanted)
  if (known !== undefined && ref.run !== known.state.run) {
    const { run, runbook, environment, created_at } = known.state
    view.progress({
      kind: 'note',
      text: `taking run ${run}: ${runbook} in ${environment}, begun ${dateTime(created_at, outlet(process.stderr).look())}`,
    })
  }
  return known
}

/** A changed secret is a warning: the run goes on with the new one. */
export function secretsChanged(
  known: KnownRun,
  now: Record<string, string>,
  view: Pick<View, 'progress'>,
): void {
  const changed = Object.entries(known.state.fingerprints)
    .filter(
      ([name, was]) =>
        isSecret(known.plan.inputs[name]) && now[name] !== undefined && now[name] !== was,
    )
    .map(([name]) => name)
  if (changed.length > 0)
    view.progress({
      kind: 'note',
      text: `not the same secret as when the run began: ${changed.join(', ')}`,
    })
}
