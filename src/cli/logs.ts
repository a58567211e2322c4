import type { Command } from 'commander'
import { EXIT, failure } from '../core/errors.ts'
import { stepsNamed } from '../core/hosts.ts'
import { didYouMean } from '../core/problems.ts'
import { findRun, openSession } from '../engine/session.ts'
import { findRoot } from '../language/find.ts'
import { outlet } from '../lib/outlet.ts'
import { jsonText } from '../views/json.ts'
import { logsText } from '../views/status.ts'
import {
  environmentFlag,
  examples,
  outputFlags,
  storeFlag,
  type OutputFlags,
  type StoreFlags,
} from './flags.ts'

interface Flags extends OutputFlags, StoreFlags {
  env?: string
}

export function define(command: Command): void {
  command
    .argument('[run]', "a run id, or a runbook's name; left out: the newest of all")
    .argument('[step]', 'only this step, with its output')
  environmentFlag(command, "with a runbook's name: which of its environments")
  storeFlag(outputFlags(command))
  examples(
    command,
    'runbook logs',
    'runbook logs 20261121-063012-4f1c switch',
    'runbook logs -o ndjson | jq .type',
  )
  command.action(async (ref: string | undefined, step: string | undefined, flags: Flags) => {
    const { store } = openSession(findRoot(process.cwd()), flags.store)
    const known = await findRun(store, { run: ref, environment: flags.env })
    if (known === undefined) {
      process.stderr.write('Nothing has run here.\n')
      return
    }
    const steps = [...known.plan.steps, ...known.plan.finally]
    const meant = step === undefined ? undefined : stepsNamed(steps, step).map(({ id }) => id)
    if (step !== undefined && meant?.length === 0) {
      const hint = didYouMean(
        step,
        steps.map(({ id }) => id),
      )
      throw failure(
        EXIT.usage,
        `run ${known.state.run} has no step "${step}"`,
        hint === undefined ? {} : { hint },
      )
    }
    const events = (await store.events(known.state.run)).filter(
      (e) => meant === undefined || ('step' in e && meant.includes(e.step)),
    )
    const out = outlet(process.stdout)
    if (flags.output === 'text') out.write(logsText(events, known.plan, out.look(), step))
    else if (flags.output === 'json') out.write(`${jsonText(events, 2)}\n`)
    else for (const event of events) out.write(`${jsonText(event)}\n`)
    await store.close()
  })
}
