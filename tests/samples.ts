/** Small sound plans and steps for tests, so that a test says only what matters to it. */
import type { Actor } from '../src/core/events.ts'
import type { Plan } from '../src/core/plan.ts'
import type { Attempt, Check, Step, Undo } from '../src/core/runbook.ts'

export const actor: Actor = {
  user: 'ada',
  host: 'here',
  process: { pid: process.pid, start: '1', boot: 'b' },
}

export function attempt(script: string): Attempt {
  return {
    action: { verb: 'run', script, leaves_processes: false },
    expect: [],
    timeout: '10s',
    env: {},
    at: 'sample.yaml:1:1',
  }
}

export function check(script: string): Check {
  return { ...attempt(script), title: script, params: {} }
}

export function undo(script: string, more: Partial<Undo> = {}): Undo {
  return { ...attempt(script), verify: 'inverse', ...more }
}

export function step(id: string, more: Partial<Step> = {}): Step {
  return {
    id,
    title: id,
    phase: 'main',
    act: attempt(`touch ${id}`),
    effect: 'once',
    verify: [check(`test -e ${id}`)],
    rollback: { kind: 'undo', undos: [undo(`rm -f ${id}`)] },
    skip_if_verified: false,
    requires: [],
    on_failure: 'stop',
    secrets: [],
    outputs: {},
    scope: [],
    hints: [],
    refs: [],
    at: 'sample.yaml:1:1',
    ...more,
  }
}

export function plan(steps: Step[], more: Partial<Plan> = {}): Plan {
  return {
    format: 1,
    runbook: 'sample',
    title: 'Sample',
    version: '1',
    file: 'runbooks/sample.yaml',
    environment: {
      name: 'test',
      protected: false,
      inputs: {},
      services: {},
      path: [],
      manual: 'ask',
      state: [],
    },
    inputs: {},
    requires: [],
    scopes: { app: { title: 'App', with: [] }, database: { title: 'Database', with: ['app'] } },
    contacts: [],
    phases: [{ id: 'main', title: 'Main', concurrent: 1, steps: steps.map((s) => s.id) }],
    steps,
    finally: [],
    files: {},
    ...more,
  }
}
