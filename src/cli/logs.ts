import type { Command } from 'commander'
import { EXIT, failure } from '../core/errors.ts'
import { stepsNamed } from '../core/hosts.ts'
import type { Plan } from '../core/plan.ts'
import { didYouMean } from '../core/problems.ts'
import { outlet } from '../lib/outlet.ts'
import { jsonText } from '../views/json.ts'
import { logsText } from '../views/status.ts'
import { examples } from './flags.ts'
import { readingFlags, readRun, runArgument, type ReadingFlags } from './reading.ts'

export function define(command: Command): void {
  runArgument(command).argument('[step]', 'only this step, with its output')
  readingFlags(command, ['text', 'json', 'ndjson'])
  examples(
    command,
    'runbook logs',
    'runbook logs 20261121-063012-4f1c switch',
    'runbook logs -o ndjson | jq .type',
  )
  command.action((ref: string | undefined, step: string | undefined, flags: ReadingFlags) =>
    readRun(
      ref,
      flags,
      async ({ plan, state }, { store }) => {
        const meant = step === undefined ? undefined : idsOf(plan, state.run, step)
        const events = (await store.events(state.run)).filter(
          (e) => meant === undefined || ('step' in e && meant.includes(e.step)),
        )
        const out = outlet(process.stdout)
        if (flags.output === 'text') out.write(logsText(events, plan, out.look(), step))
        else if (flags.output === 'json') out.write(`${jsonText(events, 2)}\n`)
        else for (const event of events) out.write(`${jsonText(event)}\n`)
      },
      { none: [] },
    ),
  )
}

/** The steps that a word means. Throws exit 2 when there are none. */
function idsOf(plan: Plan, run: string, word: string): string[] {
  const steps = [...plan.steps, ...plan.finally]
  const meant = stepsNamed(steps, word).map(({ id }) => id)
  if (meant.length > 0) return meant
  const hint = didYouMean(
    word,
    steps.map(({ id }) => id),
  )
  throw failure(EXIT.usage, `run ${run} has no step "${word}"`, {
    hint: hint ?? `runbook show ${plan.runbook} lists them`,
  })
}
