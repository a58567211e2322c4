import type { Command } from 'commander'
import { EXIT, failure, isRunbookError } from '../core/errors.ts'
import { formatProblem, type Problem } from '../core/problems.ts'
import { findFolder } from '../language/find.ts'
import { lintFile, listRunbooks } from '../language/read.ts'
import { plural } from '../views/words.ts'
import { examples, outputFlags, type OutputFlags } from './flags.ts'
import { print } from './print.ts'

export function define(command: Command, exit: (code: number) => void): void {
  command.argument(
    '[runbooks...]',
    'names in runbooks/, or paths of YAML files; left out: all of them',
  )
  outputFlags(command, ['text', 'json'])
  examples(command, 'runbook lint', 'runbook lint qr-login', 'runbook lint drafts/new.yaml -o json')
  command.action(async (names: string[], flags: OutputFlags) => {
    const files =
      names.length > 0 ? names : (await listRunbooks(process.cwd())).map(({ name }) => name)
    if (files.length === 0) throw nothingToLint(process.cwd())
    const problems: Problem[] = []
    const missing: string[] = []
    for (const file of files) {
      try {
        problems.push(...(await lintFile(file, process.cwd())))
      } catch (error) {
        // One file that is not there must not hide what is wrong with the others.
        if (!isRunbookError(error)) throw error
        missing.push(
          `error: ${error.message}${error.hint === undefined ? '' : `\n  ${error.hint}`}`,
        )
      }
    }
    const errors = problems.filter(({ level }) => level !== 'warning').length + missing.length
    print(
      flags,
      () =>
        [
          ...problems.map((p) => `${formatProblem(p)}\n`),
          ...missing,
          verdict(files.length, errors, problems.length + missing.length - errors),
        ].join('\n') + '\n',
      { files, problems, missing },
    )
    exit(errors > 0 ? EXIT.usage : EXIT.ok)
  })
}

/** Nobody asks for nothing to be looked at: it is the wrong folder. */
function nothingToLint(cwd: string): Error {
  const folder = findFolder(cwd)
  const message =
    folder === undefined
      ? `there are no runbooks here: neither ${cwd} nor a folder above it has a folder runbooks`
      : `there are no runbooks here: ${folder} holds no YAML file`
  return failure(EXIT.usage, message, {
    hint: 'go to the folder that holds runbooks/, or give a file: runbook lint <path to a YAML file>',
  })
}

function verdict(files: number, errors: number, warnings: number): string {
  const what = `${plural(files, 'runbook')}: ${errors === 0 ? 'sound' : plural(errors, 'error')}`
  return warnings === 0 ? what : `${what}, ${plural(warnings, 'warning')}`
}
