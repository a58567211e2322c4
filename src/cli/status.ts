import type { Command } from 'commander'
import { findMeant } from '../engine/known-names.ts'
import { isDead, type KnownRun, type RunReference, type Session } from '../engine/session.ts'
import { isInTheWay, unfinishedRuns } from '../engine/unfinished.ts'
import { summary } from '../views/json.ts'
import { statusText, type Driver, type Others } from '../views/status.ts'
import { examples } from './flags.ts'
import { print } from './print.ts'
import { readingFlags, readRun, runArgument, type ReadingFlags } from './reading.ts'

export function define(command: Command): void {
  readingFlags(runArgument(command, 'the newest unfinished run, else the newest of all'))
  examples(command, 'runbook status', 'runbook status qr-login --env prod -o json')
  command.action((ref: string | undefined, flags: ReadingFlags) =>
    readRun(
      ref,
      flags,
      async (known, session) => {
        const driver = await driverOf(session, known)
        const others = await othersBeside(session, known, { run: ref, environment: flags.env })
        print(
          flags,
          (look) => statusText(known.plan, known.state, look, { driver, others }),
          summary(known.state, known.plan),
        )
      },
      { find: mostPressing },
    ),
  )
}

/** An unfinished run needs somebody, however many ran after it. */
async function mostPressing(session: Session, ref: RunReference): Promise<KnownRun | undefined> {
  const newest = await findMeant(session, ref)
  if (newest === undefined || newest.state.run === ref.run) return newest
  const { runs } = await unfinishedRuns(session, ref)
  return runs[0]?.known ?? newest
}

/** What a person should know besides this run: what else is not over, and whether there are newer ones. */
async function othersBeside(session: Session, known: KnownRun, ref: RunReference): Promise<Others> {
  const { run, runbook, environment } = known.head
  const byId = ref.run === run
  const { runs, damaged } = await unfinishedRuns(
    session,
    byId ? { run: runbook, environment } : ref,
  )
  const [newest] = await session.store.runs({
    ...(ref.run !== undefined && { runbook }),
    ...(ref.environment !== undefined && { environment }),
    limit: 1,
  })
  // The newest of those that are not over is the one that is shown.
  const isKnown = [run, ...damaged.map((head) => head.run)].includes(newest?.run ?? run)
  const over = byId || isKnown ? undefined : newest
  return {
    ...(over !== undefined && { newest: over.run }),
    unfinished: runs
      .filter((other) => other.known.state.run !== run)
      .map((other) => ({
        plan: other.known.plan,
        state: other.known.state,
        driven: other.driven,
        inTheWay: isInTheWay(other, known),
      })),
    damaged: damaged.map((head) => head.run),
  }
}

async function driverOf(
  { store, actor }: Session,
  { state }: KnownRun,
): Promise<Driver | undefined> {
  const lease = await store.lease(state.run)
  if (lease === undefined) return undefined
  const { holder, since } = lease
  return { holder, since, ...(holder.host === actor.host && { alive: !isDead(holder) }) }
}
