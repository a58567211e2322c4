/** The embedded store: Node's own SQLite, WAL, synchronous=FULL. */
import { EXIT, failure } from '../core/errors.ts'
import type { Actor, Event, NewEvent } from '../core/events.ts'
import { planText, type Plan } from '../core/plan.ts'
import { broken, link, ORIGIN, verifyChain, type Tip } from './chain.ts'
import { openDatabase } from './sqlite-database.ts'
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

interface LeaseRow {
  run: string
  epoch: number
  holder: string | null
  since: string
  expires: number
}

/** Opens the journal at `path`; the first write makes it, 0600. Throws exit 12. */
export function openSqlite(path: string): Store {
  const { read, write, get, all, run, close } = openDatabase(path)
  const tips = new Map<string, { epoch: number; tip: Tip }>()

  const leaseOf = (id: string): Lease | undefined => {
    const row = get<LeaseRow>('SELECT * FROM leases WHERE run = ? AND holder IS NOT NULL', id)
    return row === undefined ? undefined : toLease(row)
  }
  const lockOf = (name: string): Lock | undefined => {
    const row = get<{ name: string; run: string }>('SELECT * FROM locks WHERE name = ?', name)
    if (row === undefined) return undefined
    const lease = leaseOf(row.run)
    return { name: row.name, run: row.run, ...(lease !== undefined && { lease }) }
  }
  const grant = (id: string, holder: Actor): Lease => {
    const epoch =
      (get<{ epoch: number }>('SELECT epoch FROM leases WHERE run = ?', id)?.epoch ?? 0) + 1
    const row = {
      run: id,
      epoch,
      holder: JSON.stringify(holder),
      since: new Date().toISOString(),
      expires: Date.now() + LEASE_MS,
    }
    run(
      'INSERT OR REPLACE INTO leases (run, epoch, holder, since, expires) VALUES (?, ?, ?, ?, ?)',
      id,
      epoch,
      row.holder,
      row.since,
      row.expires,
    )
    return toLease(row)
  }
  const chainOf = (id: string): { events: Event[]; tip: Tip } => {
    const chain = verifyChain(id, texts(id))
    const end = get<{ tip_seq: number; tip_hash: string }>(
      'SELECT tip_seq, tip_hash FROM runs WHERE run = ?',
      id,
    )
    if (end !== undefined && (end.tip_seq !== chain.tip.seq || end.tip_hash !== chain.tip.hash))
      throw broken(id, chain.tip.seq + 1)
    return chain
  }
  const tipOf = (id: string, epoch: number): Tip => {
    const known = tips.get(id)
    if (known?.epoch === epoch) return known.tip
    return chainOf(id).tip
  }
  const texts = (id: string) =>
    all<{ json: string }>('SELECT json FROM events WHERE run = ? ORDER BY seq', id).map(
      (row) => row.json,
    )
  const extend = (
    id: string,
    epoch: number,
    news: readonly NewEvent[],
    from: Tip,
  ): { events: Event[]; tip: Tip } => {
    const { links, tip } = link(id, from, news, new Date().toISOString())
    for (const { event, text } of links)
      run('INSERT INTO events (run, seq, json) VALUES (?, ?, ?)', id, event.seq, text)
    run('UPDATE runs SET tip_seq = ?, tip_hash = ? WHERE run = ?', tip.seq, tip.hash, id)
    return { events: links.map((l) => l.event), tip }
  }
  const keepPlan = (plan: Plan, sha: string) =>
    run('INSERT OR IGNORE INTO plans (sha256, json) VALUES (?, ?)', sha, planText(plan))

  // SQLite answers at once; the contract is asynchronous for stores that do not.
  const soon = <T>(work: () => T): Promise<T> =>
    new Promise((resolve) => {
      resolve(work())
    })

  return {
    prepare: () => soon(() => write(() => undefined)),
    create: ({ id, lock, plan, plan_sha256, first, holder }) =>
      soon(() =>
        write(() => {
          const busy = lockOf(lock)
          if (busy !== undefined) return { busy }
          const { runbook, environment } = plan
          keepPlan(plan, plan_sha256)
          run(
            `INSERT INTO runs (run, number, runbook, environment, created_at, plan_sha256, lock)
             SELECT ?, coalesce(max(number), 0) + 1, ?, ?, ?, ?, ? FROM runs`,
            id,
            runbook,
            environment.name,
            new Date().toISOString(),
            plan_sha256,
            lock,
          )
          run('INSERT INTO locks (name, run) VALUES (?, ?)', lock, id)
          const created = grant(id, holder)
          const { events, tip } = extend(id, created.epoch, [first], ORIGIN)
          tips.set(id, { epoch: created.epoch, tip })
          return { created, events }
        }),
      ),
    append: (id, epoch, news) =>
      soon(() => {
        const { events, tip } = write(() => {
          const now = get<{ epoch: number }>(
            'SELECT epoch FROM leases WHERE run = ? AND holder IS NOT NULL',
            id,
          )?.epoch
          if (now !== epoch) throw lost(id)
          return extend(id, epoch, news, tipOf(id, epoch))
        })
        // Only after the commit: a tip that was rolled back must not be continued.
        tips.set(id, { epoch, tip })
        return events
      }),
    take: (id, holder, dead) =>
      soon(() =>
        write(() => {
          const head = get<{ lock: string }>('SELECT lock FROM runs WHERE run = ?', id)
          if (head === undefined) throw failure(EXIT.usage, `there is no run ${id}`)
          const lock = lockOf(head.lock)
          if (lock !== undefined && lock.run !== id) return { busy: lock }
          const held = leaseOf(id)
          if (held !== undefined && Date.parse(held.expires) > Date.now() && !dead(held.holder))
            return { held }
          if (lock === undefined) run('INSERT INTO locks (name, run) VALUES (?, ?)', head.lock, id)
          return { taken: grant(id, holder) }
        }),
      ),
    beat: (id, epoch) =>
      soon(() =>
        write(
          () =>
            run(
              'UPDATE leases SET expires = ? WHERE run = ? AND epoch = ? AND holder IS NOT NULL',
              Date.now() + LEASE_MS,
              id,
              epoch,
            ) === 1,
        ),
      ),
    release: (id, epoch, unlock) =>
      soon(() =>
        write(() => {
          const mine =
            run('UPDATE leases SET holder = NULL WHERE run = ? AND epoch = ?', id, epoch) === 1
          if (mine && unlock) run('DELETE FROM locks WHERE run = ?', id)
        }),
      ),
    locks: () =>
      soon(() =>
        read(() =>
          all<{ name: string }>('SELECT name FROM locks ORDER BY name').flatMap(
            ({ name }) => lockOf(name) ?? [],
          ),
        ),
      ),
    lease: (id) => soon(() => read(() => leaseOf(id))),
    plan: (sha) =>
      soon(() => {
        const row = read(() =>
          get<{ json: string }>('SELECT json FROM plans WHERE sha256 = ?', sha),
        )
        if (row === undefined) throw noPlan(sha)
        return planFrom(row.json, sha)
      }),
    keepPlan: (plan, sha) => soon(() => void write(() => keepPlan(plan, sha))),
    events: (id) => soon(() => read(() => chainOf(id).events)),
    runs: ({ runbook, environment, limit } = {}) =>
      soon(() =>
        read(() =>
          all<RunHead>(
            `SELECT run, runbook, environment FROM runs
             WHERE runbook = coalesce(?, runbook) AND environment = coalesce(?, environment)
             ORDER BY number DESC LIMIT ?`,
            runbook ?? null,
            environment ?? null,
            limit ?? -1,
          ).map((row) => ({ ...row })),
        ),
      ),
    close: () =>
      soon(() => {
        close()
      }),
  }
}

function toLease(row: LeaseRow): Lease {
  return {
    run: row.run,
    epoch: row.epoch,
    holder: JSON.parse(row.holder ?? 'null') as Actor,
    since: row.since,
    expires: new Date(row.expires).toISOString(),
  }
}
