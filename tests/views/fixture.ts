/** Made-up plans and journals for the tests of the views. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { expect } from 'vitest'
import type { Actor, Event, NewEvent } from '../../src/core/events.ts'
import type { Plan } from '../../src/core/plan.ts'
import type { Check, Phase, Step } from '../../src/core/runbook.ts'
import { apply, fold, type RunState } from '../../src/core/state.ts'
import type { View } from '../../src/core/view.ts'
import { outlet, type Outlet, type OutStream } from '../../src/lib/outlet.ts'

export const by: Actor = {
  user: 'ana',
  host: 'build-7',
  process: { pid: 4242, start: '1234', boot: 'b00t' },
}

const HASH = '3f2a91c4d5e6f708192a3b4c5d6e7f80912a3b4c5d6e7f80912a3b4c5d6e7f80'

function check(title: string): Check {
  const action = { verb: 'run' as const, script: 'true', leaves_processes: false }
  return { title, params: {}, action, expect: [], timeout: '10m', env: {}, at: 'r.yaml:9:9' }
}

export function step(id: string, more: Partial<Step> = {}): Step {
  return {
    id,
    title: id,
    phase: 'one',
    act: check('do it'),
    effect: 'once',
    verify: [check('it is so')],
    rollback: { kind: 'undo', undos: [{ ...check('undo it'), verify: 'inverse' }] },
    skip_if_verified: false,
    requires: [],
    on_failure: 'stop',
    secrets: [],
    outputs: {},
    scope: [],
    hints: [],
    refs: [],
    at: 'runbooks/qr-login.yaml:88:9',
    ...more,
  }
}

/** One phase for each list of steps. */
export function plan(phases: Record<string, Step[]>, more: Partial<Plan> = {}): Plan {
  const steps = Object.entries(phases).flatMap(([phase, list]) =>
    list.map((s) => ({ ...s, phase })),
  )
  return {
    format: 1,
    runbook: 'qr-login',
    title: 'QR code login',
    version: '1.0',
    file: 'runbooks/qr-login.yaml',
    environment: {
      name: 'sandbox',
      protected: false,
      inputs: {},
      services: {},
      path: [],
      manual: 'ask',
      state: [],
    },
    inputs: {
      app_url: { kind: 'value', type: 'url', value: 'https://me:pass@hotel.example.com/' },
      token: {
        kind: 'secret',
        type: 'string',
        from: 'env TOKEN',
        declared: { type: 'string', secret: true, refs: [], at: 'r.yaml:3:3' },
      },
    },
    requires: [],
    scopes: {},
    contacts: [{ role: 'On-call', reach: '#hotel-oncall' }],
    phases: Object.entries(phases).map(([id, list]): Phase => ({
      id,
      title: `Phase ${id}`,
      concurrent: 1,
      steps: list.map((s) => s.id),
      estimate_s: 300,
    })),
    steps,
    finally: [],
    files: {},
    ...more,
  }
}

/** Six phases with forty steps, as big as a real runbook. */
export function bigPlan(): Plan {
  const titles = ['Pre-flight', 'Backup', 'Database migration', 'Release', 'Smoke tests', 'Observe']
  const counts = [6, 3, 9, 8, 10, 4]
  const phases: Record<string, Step[]> = {}
  for (const [p, title] of titles.entries()) {
    const id = title.toLowerCase().replaceAll(/\W/g, '_')
    phases[id] = Array.from({ length: counts[p] ?? 0 }, (_, i) =>
      step(`${id}_${i + 1}`, { title: `${title}, part ${i + 1}`, estimate_s: 30 }),
    )
  }
  const made = plan(phases)
  for (const [p, title] of titles.entries()) Object.assign(made.phases[p] ?? {}, { title })
  return made
}

/** A run whose events come one by one, a second apart unless told otherwise. */
export interface Journal {
  state: RunState
  events: Event[]
  at(): number
  wait(ms: number): void
  add(event: NewEvent): Event
  /** The events of a step that goes well. */
  good(id: string, ms?: number): void
}

export function journal(view?: View): Journal {
  let at = Date.parse('2025-06-14T02:10:00Z')
  const stamp = (event: NewEvent, seq: number): Event => ({
    ...event,
    seq,
    at: new Date(at).toISOString(),
    run: '20250614-021000-k3v9',
    prev: '0'.repeat(64),
  })
  const created = stamp(
    {
      type: 'run.created',
      runbook: 'qr-login',
      environment: 'sandbox',
      plan_sha256: HASH,
      partial: false,
      lock: 'qr-login/sandbox',
      by,
      tool: '0.1.0',
      fingerprints: {},
    },
    1,
  )
  const state = fold([created])
  const events = [created]
  const made: Journal = {
    state,
    events,
    at: () => at,
    wait: (ms) => void (at += ms),
    add(event) {
      const stamped = stamp(event, events.length + 1)
      events.push(stamped)
      apply(state, stamped)
      view?.event(stamped, state)
      return stamped
    },
    good(id, ms = 1000) {
      made.add({ type: 'step.armed', step: id, attempt: 1 })
      made.add({ type: 'step.started', step: id, attempt: 1 })
      at += ms
      const acted = { ok: true, result: {}, outputs: {}, duration_ms: ms }
      made.add({ type: 'step.acted', step: id, attempt: 1, ...acted })
      const checks = [{ title: 'it is so', answer: 'holds' as const, times: 1 }]
      made.add({ type: 'step.verified', step: id, attempt: 1, checks })
      made.add({ type: 'step.done', step: id, attempt: 1, duration_ms: ms })
    },
  }
  return made
}

/** An outlet that keeps what was written. */
export function paper(
  surface: { isTTY?: boolean; columns?: number; rows?: number } = {},
  env: Record<string, string> = {},
): { out: Outlet; text: () => string; resize: (columns: number, rows: number) => void } {
  let text = ''
  const listeners: (() => void)[] = []
  const stream: OutStream = {
    ...surface,
    write: (more) => ((text += more), true),
    on: (name, listener) => name === 'resize' && listeners.push(listener),
    off: () => undefined,
  }
  return {
    out: outlet(stream, env),
    text: () => text,
    resize(columns, rows) {
      Object.assign(stream, { columns, rows })
      for (const listener of listeners) listener()
    },
  }
}

/** Compares with `golden/<name>.txt`; UPDATE_GOLDEN=1 writes it. */
export function golden(name: string, text: string): void {
  const file = `tests/views/golden/${name}.txt`
  if (process.env['UPDATE_GOLDEN'] || !existsSync(file)) writeFileSync(file, text)
  expect(text).toBe(readFileSync(file, 'utf8'))
}
