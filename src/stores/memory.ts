/** A store that lives as long as the process: for `plan` of a single check, and for tests of the engine. */
import { EXIT, failure } from '../core/errors.ts'
import { planText } from '../core/plan.ts'
import { link, ORIGIN, verifyChain, type Tip } from './chain.ts'
import {
  LEASE_MS,
  lost,
  noPlan,
  planFrom,
  type Lease,
  type Lock,
  type RunHead,
  type Store,
} from './store.ts'

interface Run {
  head: RunHead
  lock: string
  texts: string[]
  tip: Tip
  epoch: number
  lease?: Lease
}

/** An empty store. */
export function openMemory(): Store {
  const runs = new Map<string, Run>()
  const locks = new Map<string, string>()
  const plans = new Map<string, string>()

  const runOf = (id: string): Run => {
    const run = runs.get(id)
    if (run === undefined) throw failure(EXIT.usage, `there is no run ${id}`)
    return run
  }
  const lockOf = (name: string): Lock | undefined => {
    const id = locks.get(name)
    if (id === undefined) return undefined
    const lease = runs.get(id)?.lease
    return { name, run: id, ...(lease !== undefined && { lease }) }
  }
  const grant = (run: Run, holder: Lease['holder']): Lease => {
    run.epoch += 1
    const now = Date.now()
    run.lease = {
      run: run.head.run,
      epoch: run.epoch,
      holder,
      since: new Date(now).toISOString(),
      expires: new Date(now + LEASE_MS).toISOString(),
    }
    return run.lease
  }
  const soon = <T>(work: () => T): Promise<T> =>
    new Promise((resolve) => {
      resolve(work())
    })

  return {
    prepare: () => Promise.resolve(),
    create: ({ id, lock, plan, plan_sha256, first, holder }) =>
      soon(() => {
        const busy = lockOf(lock)
        if (busy !== undefined) return { busy }
        plans.set(plan_sha256, planText(plan))
        const at = new Date().toISOString()
        const { links, tip } = link(id, ORIGIN, [first], at)
        const head = {
          run: id,
          runbook: plan.runbook,
          environment: plan.environment.name,
        }
        const run: Run = { head, lock, texts: links.map((l) => l.text), tip, epoch: 0 }
        runs.set(id, run)
        locks.set(lock, id)
        return { created: grant(run, holder), events: links.map((l) => l.event) }
      }),
    append: (id, epoch, news) =>
      soon(() => {
        const run = runOf(id)
        if (run.lease?.epoch !== epoch) throw lost(id)
        const { links, tip } = link(id, run.tip, news, new Date().toISOString())
        run.texts.push(...links.map((l) => l.text))
        run.tip = tip
        return links.map((l) => l.event)
      }),
    take: (id, holder, dead) =>
      soon(() => {
        const run = runOf(id)
        const lock = lockOf(run.lock)
        if (lock !== undefined && lock.run !== id) return { busy: lock }
        const held = run.lease
        if (held !== undefined && Date.parse(held.expires) > Date.now() && !dead(held.holder))
          return { held }
        locks.set(run.lock, id)
        return { taken: grant(run, holder) }
      }),
    beat: (id, epoch) =>
      soon(() => {
        const { lease } = runOf(id)
        if (lease?.epoch !== epoch) return false
        lease.expires = new Date(Date.now() + LEASE_MS).toISOString()
        return true
      }),
    release: (id, epoch, unlock) =>
      soon(() => {
        const run = runOf(id)
        if (run.lease?.epoch !== epoch) return
        delete run.lease
        if (unlock) locks.delete(run.lock)
      }),
    locks: () => soon(() => [...locks.keys()].sort().flatMap((name) => lockOf(name) ?? [])),
    lease: (id) => soon(() => runs.get(id)?.lease),
    plan: (sha) =>
      soon(() => {
        const text = plans.get(sha)
        if (text === undefined) throw noPlan(sha)
        return planFrom(text, sha)
      }),
    keepPlan: (plan, sha) => soon(() => void plans.set(sha, planText(plan))),
    events: (id) => soon(() => verifyChain(id, runs.get(id)?.texts ?? []).events),
    runs: ({ runbook, environment, limit } = {}) =>
      soon(() =>
        [...runs.values()]
          .reverse()
          .filter(
            ({ head }) =>
              (runbook === undefined || head.runbook === runbook) &&
              (environment === undefined || head.environment === environment),
          )
          .slice(0, limit)
          .map((run) => ({ ...run.head })),
      ),
    close: () => Promise.resolve(),
  }
}
