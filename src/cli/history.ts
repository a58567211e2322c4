import { InvalidArgumentError, Option, type Command } from 'commander'
import { EXIT, isRunbookError } from '../core/errors.ts'
import { demandKnown } from '../engine/known-names.ts'
import { loadRun, type KnownRun } from '../engine/session.ts'
import { findRunbook } from '../language/find.ts'
import { headline } from '../views/json.ts'
import { historyText } from '../views/tables.ts'
import { environmentFlag, examples } from './flags.ts'
import { print } from './print.ts'
import { readingFlags, type ReadingFlags } from './reading.ts'
import { withSession } from './session.ts'

interface Flags extends ReadingFlags {
  limit: number
}

export function define(command: Command, exit: (code: number) => void): void {
  command.argument('[runbook]', 'only runs of this runbook')
  environmentFlag(command, 'only runs in this environment')
  command.addOption(
    new Option('-n, --limit <count>', 'at most so many').argParser(count).default(20),
  )
  readingFlags(command)
  examples(command, 'runbook history', 'runbook history qr-login --env prod -n 5 -o json')
  command.action((runbook: string | undefined, flags: Flags) =>
    withSession(flags, async (session) => {
      const { store } = session
      const heads = await store.runs({
        limit: flags.limit,
        ...(runbook !== undefined && { runbook }),
        ...(flags.env !== undefined && { environment: flags.env }),
      })
      // Nothing ran of it: then it should at least be a runbook, and not a misspelt one.
      if (heads.length === 0) {
        const ran = runbook !== undefined && (await store.runs({ runbook, limit: 1 })).length > 0
        if (runbook !== undefined && !ran) findRunbook(runbook, process.cwd())
        await demandKnown(session, { run: ran ? runbook : undefined, environment: flags.env })
      }
      const runs: KnownRun[] = []
      let damaged: number = EXIT.ok
      for (const head of heads) {
        try {
          runs.push(await loadRun(store, head))
        } catch (error) {
          if (!isRunbookError(error)) throw error
          damaged = error.exit
          process.stderr.write(`${head.run}: ${error.message}\n`)
        }
      }
      exit(damaged)
      print(
        flags,
        (look) =>
          historyText(
            runs.map((r) => r.state),
            look,
          ),
        runs.map((r) => headline(r.state)),
      )
    }),
  )
}

function count(text: string): number {
  const number = Number(text)
  if (!Number.isInteger(number) || number < 1)
    throw new InvalidArgumentError('write a whole number from 1')
  return number
}
