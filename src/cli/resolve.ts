import { Option, type Command } from 'commander'
import { EXIT, failure } from '../core/errors.ts'
import { findMeant } from '../engine/known-names.ts'
import { resolveStep } from '../engine/word.ts'
import { examples } from './flags.ts'
import { withSession } from './session.ts'
import { recorded, wordFlags, type WordFlags } from './word.ts'

interface Flags extends WordFlags {
  done?: boolean
  notDone?: boolean
  undo?: boolean
  reason: string
}

export function define(command: Command, exit: (code: number) => void): void {
  command.argument('<run>', "a run id, or a runbook's name").argument('<step>', 'the step in doubt')
  command
    .addOption(
      new Option('--done', 'it took effect; its check must hold next').conflicts([
        'notDone',
        'undo',
      ]),
    )
    .addOption(
      new Option('--not-done', 'it took no effect; it counts as never started').conflicts([
        'done',
        'undo',
      ]),
    )
    .addOption(
      new Option('--undo', 'nobody can know: undo it first').conflicts(['done', 'notDone']),
    )
    .requiredOption('--reason <text>', 'how you know; it stays in the record')
  wordFlags(command)
  examples(
    command,
    'runbook resolve 20261121-063012-4f1c token --done --reason "the token is in the table"',
    'runbook resolve qr-login token --env prod --undo --reason "cannot tell"',
  )
  command.action(async (ref: string, step: string, flags: Flags) => {
    const as =
      flags.done === true
        ? 'done'
        : flags.notDone === true
          ? 'not_done'
          : flags.undo === true
            ? 'undo'
            : undefined
    if (as === undefined)
      throw failure(EXIT.usage, `what became of "${step}"?`, {
        hint: 'say one of: --done, --not-done, --undo',
      })
    await withSession(flags, async (session) => {
      const known = await findMeant(session, { run: ref, environment: flags.env })
      if (known === undefined) throw failure(EXIT.usage, `there is no run of "${ref}"`)
      const state = await resolveStep(session, known, step, as, flags.reason)
      recorded(flags, known.plan, state, [`Recorded. Go on: runbook resume ${state.run}`])
    })
    exit(EXIT.ok)
  })
}
