// A supervised unit: as many processes of a release as it is to have.
import { setTimeout as sleep } from 'node:timers/promises'
import { folderOf, linked, pointTo } from './links.ts'
import { type Running, launch } from './process.ts'
import type { Settings } from './settings.ts'
import { type UnitSpec, idOf } from './spec.ts'

export type State = 'active' | 'inactive' | 'failed'
export type Rollout = 'done' | 'going' | 'failed'

export interface Unit {
  spec: UnitSpec
  id: string
  link: string
  state(): State
  rollout(): Rollout
  /** The release that the unit's link names. */
  release(): string | undefined
  replicas(): number
  /** All of its processes, those that are about to leave too. */
  processes(): readonly Running[]
  start: () => Promise<void>
  stop: () => Promise<void>
  /** Stops and starts again, from another release when one is named. */
  restart: (release?: string) => Promise<void>
  /**
   * As a rolling update does it: each process is replaced once its successor is healthy; one that never
   * is leaves the old ones serving, and the link as it was.
   */
  roll: (release?: string) => Promise<void>
  /** Starts or stops processes until there are as many as are set. */
  scale: () => Promise<void>
}

/** How long a successor may take to be healthy. */
const ROLL_MS = 60_000
const CRASHES_MS = 30_000

export function makeUnit(dir: string, spec: UnitSpec, settings: Settings): Unit {
  const link = spec.link ?? 'current'
  let running: Running[] = []
  let state: State = 'inactive'
  let rollout: Rollout = 'done'
  let wanted = 0
  let crashes: number[] = []
  // What is asked is done one after the other: two restarts at once are two restarts.
  let last: Promise<unknown> = Promise.resolve()

  function inTurn(work: () => Promise<void>): Promise<void> {
    const next = last.then(work)
    // Who asked hears that it failed; who comes after has a turn all the same.
    last = next.catch(() => undefined)
    return next
  }

  const replicas = (): number => settings.replicas[spec.name] ?? spec.replicas ?? 1

  async function begin(folder: string | undefined): Promise<Running | undefined> {
    if (folder === undefined) return undefined
    return launch(dir, spec, folder, settings.env[spec.name] ?? {}, (ended) => {
      running = running.filter((one) => one !== ended)
      if (ended.leaving || state !== 'active') return
      if (running.length === 0) state = 'failed'
      recover()
    })
  }

  // As Restart=on-failure: a process that ends by itself comes back, but not for ever.
  function recover(): void {
    const now = Date.now()
    crashes = [...crashes.filter((at) => now - at < CRASHES_MS), now]
    if (crashes.length > 3) return
    void inTurn(async () => {
      if (state !== 'inactive') await fill()
    })
  }

  async function fill(): Promise<void> {
    const folder = folderOf(dir, link)
    const missing = Math.max(0, replicas() - running.length)
    const begun = await Promise.all(Array.from({ length: missing }, () => begin(folder)))
    running.push(...begun.filter((one) => one !== undefined).filter((one) => !one.ended))
    state = begun.every((one) => one !== undefined && !one.ended) ? 'active' : 'failed'
  }

  async function stop(): Promise<void> {
    state = 'inactive'
    await Promise.all(running.map((one) => one.stop()))
    running = []
  }

  /** Who does not answer is not healthy. */
  async function healthy(one: Running): Promise<boolean> {
    const answer = await fetch(`http://127.0.0.1:${one.port}${spec.health ?? '/health'}`, {
      signal: AbortSignal.timeout(5_000),
    }).catch(() => undefined)
    return answer?.ok === true
  }

  async function replaceAll(folder: string, still: () => boolean): Promise<boolean> {
    for (const old of [...running]) {
      const successor = await begin(folder)
      if (successor === undefined) return false
      const until = Date.now() + ROLL_MS
      while (!(await healthy(successor))) {
        if (!still() || Date.now() > until) {
          await successor.stop()
          return false
        }
        await sleep(100)
      }
      running.push(successor)
      await old.stop()
    }
    return true
  }

  const unit: Unit = {
    spec,
    id: idOf(spec),
    link,
    state: () => state,
    rollout: () => rollout,
    release: () => linked(dir, link),
    replicas,
    processes: () => running,
    start: () => inTurn(fill),
    stop() {
      wanted++
      return inTurn(stop)
    },
    restart(release) {
      wanted++
      return inTurn(async () => {
        await stop()
        crashes = []
        rollout = 'done'
        if (release === undefined || pointTo(dir, link, release)) await fill()
        else state = 'failed'
      })
    },
    roll(release) {
      const mine = ++wanted
      rollout = 'going'
      return inTurn(async () => {
        // A newer wish has come meanwhile.
        if (mine !== wanted) return
        const name = release ?? linked(dir, link)
        const folder = name === undefined ? undefined : folderOf(dir, name)
        const good = folder !== undefined && (await replaceAll(folder, () => mine === wanted))
        if (good && name !== undefined) {
          pointTo(dir, link, name)
          await fill()
        }
        if (mine === wanted) rollout = good ? 'done' : 'failed'
      })
    },
    scale: () =>
      inTurn(async () => {
        const many = running.splice(replicas())
        await Promise.all(many.map((one) => one.stop()))
        if (state !== 'inactive') await fill()
      }),
  }
  return unit
}
