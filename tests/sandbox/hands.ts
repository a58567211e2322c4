/** Hands that take an effect away, really, and put it back; and the checks of a step, asked in between. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import pg from 'pg'
import { expect } from 'vitest'
import type { Answer } from '../../src/core/events.ts'
import type { Check } from '../../src/core/runbook.ts'
import { askChecks } from '../../src/engine/ask.ts'
import { askingOutsideARun } from '../../src/engine/operate.ts'
import { openOutputs } from '../../src/engine/outputs.ts'
import { nobody } from '../../src/engine/persons.ts'
import { scopeOf } from '../../src/engine/runtime.ts'
import { findRun } from '../../src/engine/session.ts'
import { runbook, summaryOf, type Summary } from '../tool.ts'
import { input, type Open, type Place } from './place.ts'

/** Takes an effect away and returns what puts it back. */
export type TakeAway = () => Promise<() => unknown>

/** Runs a command of the tool that has to succeed. */
export async function tool(place: Place, ...args: string[]): Promise<Summary> {
  const ran = await runbook(place.root, [...args, '-o', 'json'])
  expect(ran.code, ran.stderr).toBe(0)
  return summaryOf(ran)
}

/** A connection to the database of an input. */
export async function connected(here: Open, name: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: input(here, name) })
  client.on('error', () => undefined)
  await client.connect()
  return client
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

/** What the checks of a step answer now, all of them, with the outputs of a run in which it ran. */
export async function ask(
  here: Open,
  run: string,
  id: string,
  patient = false,
): Promise<{ answer: Answer; expressions: string[] }> {
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
  const checks = step.verify.flatMap(atOnce)
  const { answer, answered } = await askChecks(here.bound, checks, asking, true)
  return { answer, expressions: answered.flatMap(({ asked }) => asked.expression ?? []) }
}

/** Holds, does not hold without its effect, and holds again with it. */
export async function expectToDependOn(
  here: Open,
  run: string,
  step: string,
  takeAway: TakeAway,
): Promise<void> {
  expect(await ask(here, run, step, true)).toMatchObject({ answer: 'holds' })
  const putBack = await takeAway()
  try {
    expect(await ask(here, run, step)).toMatchObject({ answer: 'does_not_hold' })
  } finally {
    await putBack()
  }
  expect(await ask(here, run, step, true)).toMatchObject({ answer: 'holds' })
}

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

/** A file that is not where it was. */
export const moved =
  (path: () => string): TakeAway =>
  async () => {
    const from = path()
    renameSync(from, `${from}.away`)
    return () => {
      renameSync(`${from}.away`, from)
    }
  }

/** One statement, and the one that takes it back. */
export const statement =
  (on: () => pg.Client, take: string, back: string): TakeAway =>
  async () => {
    await on().query(take)
    return () => on().query(back)
  }
