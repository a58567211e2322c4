/** What the probes of a run saw, of all attempts at each step, and how long something was down. */
import type { Event, Tick } from '../core/events.ts'
import { foldTicks, nothingWatched, soakFields, type Watched } from '../core/soak.ts'
import { unionOf, type Span } from './times.ts'

export interface Probed {
  probe: string
  step: string
  /** Seen while the step was done; otherwise by a check of it. */
  during: boolean
  samples: number
  bad: number
  down_ms: number
  /** By name: `first last min max mean p95`. */
  figures: Record<string, Record<string, number>>
}

/** Of all probes together; what several of them missed at once counts once. */
export interface Downtime {
  down_ms: number
  watched_ms: number
  samples: number
  bad: number
  /** Somewhere no good sample came after the last bad one: it was longer than anybody saw. */
  open: boolean
}

interface Seen {
  step: string
  during: boolean
  watched: Watched
  last?: Tick
  looked: Span[]
  down: Map<string, Span[]>
}

/** One for each probe of each step, those of the same name together. */
export function probedIn(events: readonly Event[]): {
  probed: Probed[]
  downtime: Downtime | null
} {
  const all = new Map<string, Seen>()
  for (const event of events) if (event.type === 'step.sampled') take(all, event)
  const seen = [...all.values()]
  const probed = Object.values(Object.groupBy(seen.flatMap(probesOf), ({ probe }) => probe))
  if (seen.length === 0) return { probed: [], downtime: null }
  const sum = (one: (watched: Watched) => number) =>
    seen.reduce((total, { watched }) => total + one(watched), 0)
  const downtime = {
    down_ms: unionOf(seen.flatMap(({ down }) => [...down.values()].flat())),
    watched_ms: unionOf(seen.flatMap(({ looked }) => looked)),
    samples: sum(({ samples }) => samples),
    bad: sum(({ bad }) => bad),
    open: seen.some(({ last }) =>
      Object.values(last?.probes ?? {}).some(({ bad }) => bad !== undefined),
    ),
  }
  return { probed: probed.flatMap((some) => some ?? []), downtime }
}

function take(all: Map<string, Seen>, event: Event & { type: 'step.sampled' }): void {
  const { step, check, ticks } = event
  const key = `${step} ${check ?? 'during'}`
  const seen: Seen = all.get(key) ?? {
    step,
    during: check === undefined,
    watched: nothingWatched(),
    looked: [],
    down: new Map(),
  }
  all.set(key, seen)
  foldTicks(seen.watched, ticks)
  for (const tick of ticks) {
    const { last } = seen
    seen.last = tick
    // Watched time stands still where nobody looked, and begins anew with an attempt.
    const passed = tick.watched_ms - (last?.watched_ms ?? 0)
    if (last === undefined || passed <= 0) continue
    const to = Date.parse(tick.at)
    const span = { from: to - passed, to }
    seen.looked.push(span)
    for (const [probe, { bad }] of Object.entries(last.probes))
      if (bad !== undefined) seen.down.set(probe, [...(seen.down.get(probe) ?? []), span])
  }
}

function probesOf({ step, during, watched, down }: Seen): Probed[] {
  const fields = soakFields(watched)
  return Object.entries(watched.probes).map(([probe, { samples, bad, figures: values }]) => {
    const figures = Object.keys(values).map((figure) => [
      figure,
      rounded((fields[probe] as Record<string, object>)[figure] ?? {}),
    ])
    return {
      probe,
      step,
      during,
      samples,
      bad,
      down_ms: unionOf(down.get(probe) ?? []),
      figures: Object.fromEntries(figures) as Probed['figures'],
    }
  })
}

function rounded(summary: object): Record<string, number> {
  const figures = Object.entries(summary) as [string, unknown][]
  return Object.fromEntries(
    figures.map(([name, value]) => [name, Math.round(Number(value) * 1000) / 1000]),
  )
}
