/**
 * A sandbox that stays up while tests take effects of its steps away and give them back: each check fails
 * without what it proves, and holds again with it.
 */
import { execFile } from 'node:child_process'
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { afterAll, beforeAll, expect } from 'vitest'
import type { Answer } from '../../src/core/events.ts'
import type { Check } from '../../src/core/runbook.ts'
import { askChecks } from '../../src/engine/ask.ts'
import { askingOutsideARun } from '../../src/engine/operate.ts'
import { openOutputs } from '../../src/engine/outputs.ts'
import { nobody } from '../../src/engine/persons.ts'
import { scopeOf } from '../../src/engine/runtime.ts'
import { findRun } from '../../src/engine/session.ts'
import { runbook, summaryOf, type Summary } from '../tool.ts'
import { input, makePlace, open, type Open, type Place } from './place.ts'

const execute = promisify(execFile)

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

/** By step, and by how its effect is lost. */
export type Losses = Record<string, Record<string, TakeAway>>

export interface Stage {
  place: () => Place
  here: () => Open
  /** A path of the sandbox's machine. */
  at: (path: string) => string
  /** A connection to the database that an input names. */
  database: (input?: string) => pg.Client
  connected: (input: string) => Promise<pg.Client>
  /** A command that must end with 0, and its summary. */
  tool: (...args: string[]) => Promise<Summary>
  /** Deploys; gives the run's id. */
  deploy: (...more: string[]) => Promise<string>
  /** The version that the application says it is. */
  version: () => Promise<unknown>
  /** A file that a step of a run wrote. */
  fileOf: (run: string, step: string) => Promise<string>
  /** A stand-in of the sandbox, as a person at a terminal would call it. */
  call: (name: string, ...args: string[]) => Promise<string>
  /** What the checks of a step answer now, with the outputs of a run in which it ran; and what decided. */
  ask: (run: string, step: string, patient?: boolean) => Promise<Asked>
  /**
   * The check of a step holds, does not hold without its effect, and holds again with it. `earlier`: what
   * later steps changed on purpose goes back first.
   */
  expectToDependOn: (
    run: string,
    step: string,
    takeAway: TakeAway,
    earlier?: TakeAway,
  ) => Promise<void>
}

/** Starts a sandbox before the tests of a file, and ends it after them. `first` runs when it is up. */
export function stageOf(
  name: string,
  options: { databases?: string[]; first?: (stage: Stage) => Promise<unknown> } = {},
): Stage {
  let place: Place
  let here: Open
  const clients = new Map<string, pg.Client>()

  async function connected(from: string): Promise<pg.Client> {
    const one = new pg.Client({ connectionString: input(here, from) })
    one.on('error', () => undefined)
    await one.connect()
    return one
  }

  async function tool(...args: string[]): Promise<Summary> {
    const ran = await runbook(place.root, [...args, '-o', 'json'])
    expect(ran.code, ran.stderr).toBe(0)
    return summaryOf(ran)
  }

  async function ask(run: string, id: string, patient = false): Promise<Asked> {
    const known = await findRun(here.session.store, { run })
    const step = here.plan.steps.find((s) => s.id === id)
    if (known === undefined || step === undefined) throw new Error(`no step ${id} in run ${run}`)
    const outputs = openOutputs(here.bound, known.plan, known.state)
    const asking = {
      ...askingOutsideARun(here.bound, nobody, `effect-${id}`, outputs),
      run,
      step,
      scope: scopeOf(here.bound, { run, outputs }),
      patient,
    }
    const { answer, answered } = await askChecks(
      here.bound,
      step.verify.flatMap(atOnce),
      asking,
      true,
    )
    return { answer, expressions: answered.flatMap(({ asked }) => asked.expression ?? []) }
  }

  const stage: Stage = {
    place: () => place,
    here: () => here,
    at: (path) => join(place.machine, path),
    database(from = 'database_url') {
      const found = clients.get(from)
      if (found === undefined) throw new Error(`${from} is not connected`)
      return found
    },
    connected,
    tool,
    deploy: async (...more) => (await tool('deploy', name, '--env', 'sandbox', ...more)).run,
    version: async () => (await fetch(`${input(here, 'app_url')}/version`)).json(),
    async fileOf(run, step) {
      const known = await findRun(here.session.store, { run })
      return String(known?.state.steps.get(step)?.outputs['file'])
    },
    async call(tool, ...args) {
      const { stdout } = await execute(join(place.root, 'sandbox/shared/bin', tool), args, {
        env: { PATH: process.env['PATH'], RELEASES: stage.at('releases') },
      })
      return stdout
    },
    ask,
    async expectToDependOn(run, step, takeAway, earlier) {
      const forward = await earlier?.()
      try {
        expect(await ask(run, step, true)).toMatchObject({ answer: 'holds' })
        const putBack = await takeAway()
        try {
          expect(await ask(run, step)).toMatchObject({ answer: 'does_not_hold' })
        } finally {
          await putBack()
        }
        expect(await ask(run, step, true)).toMatchObject({ answer: 'holds' })
      } finally {
        await forward?.()
      }
    },
  }

  beforeAll(async () => {
    place = makePlace(name)
    // Held open, so that the commands and the tests share one running sandbox.
    here = await open(place, name)
    for (const from of options.databases ?? ['database_url'])
      clients.set(from, await connected(from))
    await options.first?.(stage)
  })
  afterAll(async () => {
    for (const client of clients.values()) await client.end()
    await here.close()
    await place.dispose()
  })
  return stage
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

// ── the hands ──────────────────────────────────────────────────────────────

/** Another content for a file. */
export const changed =
  (path: () => string, change: (file: string) => void): TakeAway =>
  async () => {
    const file = path()
    const was = readFileSync(file)
    change(file)
    return () => {
      writeFileSync(file, was)
    }
  }

/** A file or folder that is not there. */
export const moved =
  (path: () => string): TakeAway =>
  async () => {
    const from = path()
    renameSync(from, `${from}.away`)
    return () => {
      renameSync(`${from}.away`, from)
    }
  }

/** A statement, and the one that takes it back. */
export const statement =
  (on: () => pg.Client, take: string, back: string): TakeAway =>
  async () => {
    await on().query(take)
    return () => on().query(back)
  }

/** Rows that go, and come back as they were. `table` is quoted where it needs to be. */
export const rows =
  (on: () => pg.Client, table: string, where: () => string): TakeAway =>
  async () => {
    const gone = await on().query(
      `DELETE FROM ${table} t WHERE ${where()} RETURNING to_jsonb(t) AS row`,
    )
    expect(gone.rowCount).toBeGreaterThan(0)
    return () =>
      on().query(
        `INSERT INTO ${table} SELECT (jsonb_populate_record(NULL::${table}, r)).* FROM jsonb_array_elements($1) r`,
        [JSON.stringify((gone.rows as { row: unknown }[]).map(({ row }) => row))],
      )
  }

/** Other values in rows that have an id, and again those that were there. */
export const values =
  (on: () => pg.Client, table: string, where: () => string, set: string): TakeAway =>
  async () => {
    const { rows: was } = await on().query<{ row: Record<string, unknown> }>(
      `SELECT to_jsonb(t) AS row FROM ${table} t WHERE ${where()}`,
    )
    const { rowCount } = await on().query(`UPDATE ${table} t SET ${set} WHERE ${where()}`)
    expect(rowCount).toBeGreaterThan(0)
    return async () => {
      for (const { row } of was) {
        const columns = Object.keys(row).map((name) => `"${name}"`)
        await on().query(
          `UPDATE ${table} t SET (${columns.join()}) = (SELECT ${columns.map((c) => `r.${c}`).join()}
             FROM jsonb_populate_record(NULL::${table}, $1) r) WHERE t.id::text = $2`,
          [row, String(row['id'])],
        )
      }
    }
  }

/** One loss after the other; what was lost last comes back first. */
export const both =
  (first: TakeAway, second: TakeAway): TakeAway =>
  async () => {
    const one = await first()
    const other = await second()
    return async () => {
      await other()
      await one()
    }
  }

/** A stand-in is called, and called again to make it good. */
export const called =
  (stage: Stage, take: string[], back: string[]): TakeAway =>
  async () => {
    await stage.call(take[0] ?? '', ...take.slice(1))
    return () => stage.call(back[0] ?? '', ...back.slice(1))
  }
