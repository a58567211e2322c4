/** Which run a command takes, said aloud, and whether its secrets are still the same. */
import type { View } from '../core/view.ts'
import { outlet } from '../lib/outlet.ts'
import { dateTime } from '../views/times.ts'
import { isSecret } from '../engine/bind-inputs.ts'
import { demandNames, findMeant, type NamesInARun } from '../engine/known-names.ts'
import type { KnownRun, RunReference, Session } from '../engine/session.ts'

/**
 * The run that is meant; when the person did not name its id, the command says which it took. Where
 * there is none, the other `names` that were given must still be names of something.
 */
export async function runMeant(
  session: Session,
  ref: RunReference,
  wanted: (run: KnownRun) => boolean,
  view: Pick<View, 'progress'>,
  names: NamesInARun,
): Promise<KnownRun | undefined> {
  const looked: KnownRun[] = []
  const known = await findMeant(session, ref, (run) => {
    looked.push(run)
    return wanted(run)
  })
  if (known === undefined) await demandNames(session, looked, names)
  else if (ref.run !== known.state.run) {
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
