/** One tick of a soak: every probe asked once, side by side, and the ticks on their way to the journal. */
import { setMaxListeners } from 'node:events'
import { milliseconds } from '../core/durations.ts'
import type { Breach, NewEvent, Sample, Tick } from '../core/events.ts'
import { evaluate } from '../core/expressions.ts'
import type { Probe, Soak, Step } from '../core/runbook.ts'
import { breachOf, foldTicks, type Watched } from '../core/soak.ts'
import { resolve } from '../core/templates.ts'
import { askCheck } from './ask.ts'
import { asking, stepScope } from './roles.ts'
import type { Runtime } from './runtime.ts'

const PATIENCE_MS = 10_000
/** Each write to the journal is a flush: quick ticks share one. So much is lost when the tool dies. */
const WRITE_EVERY_MS = 1000

/** A soak of a step with its durations known. */
export interface Sampler {
  every_ms: number
  for_ms: number | undefined
  watched: Watched
  /** Takes a sample of each probe. False: it was cut short, and there is none. */
  take(cutShort: AbortSignal): Promise<boolean>
  /** What is not in the journal yet, as an event; it is taken to be written now. */
  unwritten(): NewEvent[]
  /** Whether that should be written when nothing more comes for so long. */
  isDue(pause_ms: number): boolean
}

/**
 * Gets ready to sample. `watched`: what was seen before; grows with each tick. `about`: what the
 * events say besides, the first of them `first`. Throws a TemplateError when a duration has no value.
 */
export function sampler(
  rt: Runtime,
  step: Step,
  soak: Soak,
  watched: Watched,
  about: { check?: number; first?: { begins?: true; gap?: true } },
): Sampler {
  const duration = (text: string) => milliseconds(String(resolve(text, stepScope(rt, step))))
  const every_ms = Math.max(1, duration(soak.every))
  const for_ms = soak.for === undefined ? undefined : duration(soak.for)
  const patience = `${Math.max(PATIENCE_MS, every_ms)}ms`
  const { check, first } = about
  let next = first
  let ticks: Tick[] = []
  let breach: Breach | undefined
  let begun: number | undefined
  let written = performance.now()

  return {
    every_ms,
    for_ms,
    watched,
    async take(cutShort) {
      const now = performance.now()
      const at = new Date().toISOString()
      const taken = await Promise.all(
        Object.entries(soak.probes).map(async ([name, probe]) => {
          const check = { ...probe, timeout: probe.timeout ?? patience }
          return [name, await sampleOf(rt, step, name, check, cutShort)] as const
        }),
      )
      if (cutShort.aborted) return false
      // A process that was stopped, or a machine that slept, has not watched meanwhile.
      const longest = every_ms + Math.max(PATIENCE_MS, every_ms)
      const passed = begun === undefined ? 0 : Math.min(now - begun, longest)
      begun = now
      const tick = {
        at,
        watched_ms: Math.round(watched.watched_ms + passed),
        probes: Object.fromEntries(taken),
      }
      foldTicks(watched, [tick])
      if (watched.breach === undefined) {
        const broken = breachOf(watched, soak.tolerate)
        if (broken !== undefined) watched.breach = breach = broken
      }
      ticks.push(tick)
      rt.view.progress({
        kind: 'watching',
        step: step.id,
        watched_ms: tick.watched_ms,
        ...(for_ms !== undefined && { for_ms }),
        last: Object.fromEntries(taken.map(([name, { figures }]) => [name, figures])),
        bad: watched.bad,
      })
      return true
    },
    unwritten() {
      if (ticks.length === 0) return []
      const event: NewEvent = {
        type: 'step.sampled',
        step: step.id,
        ...(check !== undefined && { check }),
        ...next,
        ticks,
        ...(breach !== undefined && { breach }),
      }
      written = performance.now()
      ticks = []
      next = undefined
      breach = undefined
      return [event]
    },
    isDue: (pause_ms) =>
      ticks.length > 0 &&
      (breach !== undefined || performance.now() + pause_ms - written >= WRITE_EVERY_MS),
  }
}

/** Asks a probe once and takes its figures. A figure that cannot be had makes the sample bad. */
async function sampleOf(
  rt: Runtime,
  step: Step,
  name: string,
  probe: Probe & { timeout: string },
  interrupt: AbortSignal,
): Promise<Sample> {
  const { figures: wanted, ...check } = probe
  const { attempts } = rt.journal.state.steps.get(step.id) ?? { attempts: 1 }
  const role = asking(rt, step, attempts, `soak-${name}`, false)
  // What probes print at each tick of a day would bury everything else.
  const silent = { output: () => undefined, outputEnds: () => undefined }
  const { asked, judged } = await askCheck(rt, check, { ...role, ...silent, interrupt })
  const { fields } = judged.outcome
  const measured = fields['duration_ms']
  const figures: Record<string, number> = {
    duration_ms: typeof measured === 'number' ? measured : judged.duration_ms,
  }
  let bad = asked.answer === 'holds' ? undefined : asked
  for (const [figure, { source, at }] of Object.entries(wanted)) {
    const found = evaluate(source, { ...role.scope, ...fields })
    if (found.ok && typeof found.value === 'number' && Number.isFinite(found.value)) {
      figures[figure] = found.value
      continue
    }
    const missing = !found.ok && found.kind === 'missing'
    const why = found.ok ? 'it is no number' : rt.masker.mask(found.message)
    bad ??= {
      ...asked,
      answer: missing ? 'does_not_hold' : 'cannot_tell',
      expression: source,
      at,
      reason: `the figure ${figure} could not be had: ${why}`,
    }
  }
  return { figures, ...(bad !== undefined && { bad }) }
}

/** A signal of many: side by side every probe listens to it. */
export function anyOf(...signals: AbortSignal[]): AbortSignal {
  const any = AbortSignal.any(signals)
  setMaxListeners(0, any)
  return any
}
