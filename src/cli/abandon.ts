import type { Command } from 'commander'
import { EXIT } from '../core/errors.ts'
import { findMeant } from '../engine/known-names.ts'
import { endServices } from '../engine/services.ts'
import { isUnfinished } from '../engine/session.ts'
import { abandon, leftBehind } from '../engine/word.ts'
import { examples } from './flags.ts'
import { noRun, printNothing } from './print.ts'
import { withSession } from './session.ts'
import { recorded, wordFlags, type WordFlags } from './word.ts'

interface Flags extends WordFlags {
  reason: string
}

export function define(command: Command, exit: (code: number) => void): void {
  command.argument('[run]', "a run id, or a runbook's name; left out: the newest unfinished run")
  command.requiredOption('--reason <text>', 'why; it stays in the record')
  wordFlags(command)
  examples(command, 'runbook abandon 20261121-063012-4f1c --reason "mended by hand, see #412"')
  command.action((ref: string | undefined, flags: Flags) =>
    withSession(flags, async (session) => {
      // A run that is named is judged as it is; otherwise only an unfinished one can be meant.
      const reference = { run: ref, environment: flags.env }
      const known = await findMeant(
        session,
        reference,
        ref === undefined ? isUnfinished : undefined,
      )
      if (known === undefined) {
        printNothing(flags, 'There is no unfinished run.', noRun(reference))
        exit(EXIT.ok)
        return
      }
      const state = await abandon(session, known, flags.reason)
      await endServices(known.plan, {
        root: session.root,
        say: (text) => {
          process.stderr.write(`${text}\n`)
        },
      })
      const { run, runbook, environment } = known.state
      recorded(flags, known.plan, state, [
        `Run ${run} of ${runbook} in ${environment} is abandoned; its lock is free.`,
        ...(leftBehind(known)
          ? [`What it did stays as it is. It can still be undone: runbook rollback ${run}`]
          : []),
      ])
      exit(EXIT.ok)
    }),
  )
}
