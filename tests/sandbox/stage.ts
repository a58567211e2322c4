/**
 * A sandbox that stays up while tests take effects of its steps away and give them back: each check fails
 * without what it proves, and holds again with it.
 */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { expect } from 'vitest'
import type { Answer } from '../../src/core/events.ts'
import type { Check } from '../../src/core/runbook.ts'
import { askChecks } from '../../src/engine/ask.ts'
import { askingOutsideARun } from '../../src/engine/outside.ts'
import { openOutputs } from '../../src/engine/outputs.ts'
import { nobody } from '../../src/engine/persons.ts'
import { scopeOf } from '../../src/engine/runtime.ts'
import { findRun } from '../../src/engine/session.ts'
import { client, input, type Open, type Place } from './place.ts'

const execute = promisify(execFile)

/** What a program needs of the shell of whoever runs the tests. */
const OURS = {
  PATH: process.env['PATH'],
  NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'],
}

/** Takes an effect away, really, and returns what puts it back. */
export type TakeAway = () => Promise<() => unknown>

interface Asked {
  answer: Answer
  expressions: string[]
}

/** Asked outside a run, a soak is one sample of each of its probes. */
function atOnce(check: Check): Check[] {
  const { action } = check
  if (action.verb !== 'soak') return [check]
  return Object.values(action.probes).map(({ figures: _, ...probe }) => ({
    ...probe,
    timeout: probe.timeout ?? '10s',
  }))
}

/** By step, or by several that lose theirs together, and by how it is lost. */
export type Losses = Record<string, Record<string, TakeAway>>

export interface Stage {
  place: () => Place
  here: () => Open
  /** A path of the sandbox's machine. */
  at: (path: string) => string
  /** A connection to the database that an input names. */
  database: (input?: string) => pg.Client
  connected: (input: string) => Promise<pg.Client>
  /** The version that the application says it is. */
  version: () => Promise<unknown>
  /** A file that a step of a run wrote. */
  fileOf: (run: string, step: string) => Promise<string>
  /** A stand-in of the sandbox, as a person at a terminal would call it. */
  call: (name: string, ...args: string[]) => Promise<string>
  /** A line of bash in the application's folder, with the inputs that are no secrets and the owner's database. */
  sh: (line: string, env?: NodeJS.ProcessEnv) => Promise<string>
  /** What the checks of a step answer now, with the outputs of a run in which it ran; and what decided. */
  ask: (run: string, step: string, patient?: boolean) => Promise<Asked>
  /**
   * The check of a step holds, does not hold without its effect, and holds again with it; of several steps,
   * with commas, the check of each. `earlier`: what later steps changed on purpose goes back first.
   */
  expectToDependOn: (
    run: string,
    step: string,
    takeAway: TakeAway,
    earlier?: TakeAway,
  ) => Promise<void>
}

/** A stage in a sandbox that somebody else starts and ends; to `connect` when it is up, and `leave` before it ends. */
export function stageIn(
  name: string,
  { place, here }: Pick<Stage, 'place' | 'here'>,
): Stage & { connect: (...inputs: string[]) => Promise<void>; leave: () => Promise<void> } {
  const clients = new Map<string, pg.Client>()
  /** The steps that held at the end of the last question: they need not be asked at the beginning of the next. */
  let held: readonly string[] = []

  async function connected(from: string): Promise<pg.Client> {
    const one = new pg.Client({ connectionString: input(here(), from) })
    one.on('error', () => undefined)
    await one.connect()
    return one
  }

  /** `short`: the first check that does not hold decides, and no more are asked. */
  async function ask(run: string, id: string, patient = false, short = false): Promise<Asked> {
    const { bound, plan, session } = here()
    const known = await findRun(session.store, { run })
    const step = plan.steps.find((s) => s.id === id)
    if (known === undefined || step === undefined) throw new Error(`no step ${id} in run ${run}`)
    const outputs = openOutputs(bound, known.plan, known.state)
    const asking = {
      ...askingOutsideARun(bound, nobody, `effect-${id}`, outputs),
      run,
      step,
      scope: scopeOf(bound, { run, outputs, host: step.on?.host }),
      patient,
    }
    const checks = step.verify.flatMap(atOnce)
    const first = await askChecks(bound, checks, asking, !short)
    // One of which one cannot tell decides only where none of the others does not hold.
    const { answer, answered } =
      short && first.answer === 'cannot_tell' ? await askChecks(bound, checks, asking, true) : first
    return { answer, expressions: answered.flatMap(({ asked }) => asked.expression ?? []) }
  }

  return {
    place,
    here,
    at: (path) => join(place().machine, path),
    database(from = 'database_url') {
      const found = clients.get(from)
      if (found === undefined) throw new Error(`${from} is not connected`)
      return found
    },
    connected,
    version: async () => (await fetch(`${input(here(), 'app_url')}/version`)).json(),
    async fileOf(run, step) {
      const known = await findRun(here().session.store, { run })
      return String(known?.state.steps.get(step)?.outputs['file'])
    },
    async call(tool, ...args) {
      const { stdout } = await execute(join(place().root, 'sandbox/shared/bin', tool), args, {
        env: { ...OURS, RELEASES: join(place().machine, 'releases') },
      })
      return stdout
    },
    async sh(line, env = {}) {
      const inputs = Object.entries(here().bound.inputs).map(
        ([name, value]) => [name.toUpperCase(), String(value)] as const,
      )
      const { stdout } = await execute('bash', ['--norc', '-c', line], {
        cwd: join(place().root, 'sandbox', name, 'app'),
        env: {
          ...OURS,
          ...Object.fromEntries(inputs),
          ...client(input(here(), 'database_url')),
          ...env,
          PATH: `${join(place().root, 'sandbox/shared/bin')}:${process.env['PATH']}`,
        },
      })
      return stdout
    },
    ask,
    async expectToDependOn(run, step, takeAway, earlier) {
      const steps = step.split(', ')
      const expectEach = async (answer: Answer): Promise<void> => {
        const holds = answer === 'holds'
        for (const one of steps)
          expect(await ask(run, one, holds, !holds), one).toMatchObject({ answer })
      }
      const forward = await earlier?.()
      try {
        const known = steps.every((one) => held.includes(`${run} ${one}`))
        if (!known || forward !== undefined) await expectEach('holds')
        held = []
        const putBack = await takeAway()
        try {
          await expectEach('does_not_hold')
        } finally {
          await putBack()
        }
        await expectEach('holds')
        held = steps.map((one) => `${run} ${one}`)
      } finally {
        await forward?.()
      }
    },
    async connect(...inputs) {
      for (const from of inputs) clients.set(from, await connected(from))
    },
    async leave() {
      for (const client of clients.values()) await client.end()
      clients.clear()
    },
  }
}

/** The cases of some steps, or of all: step, how, and the hand. */
export const casesOf = (
  losses: Losses,
  ...steps: string[]
): (readonly [step: string, how: string, take: TakeAway])[] =>
  Object.entries(losses)
    .filter(([step]) => steps.length === 0 || steps.includes(step))
    .flatMap(([step, ways]) =>
      Object.entries(ways).map(([how, take]) => [step, how, take] as const),
    )
