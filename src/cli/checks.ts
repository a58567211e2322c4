import type { Command } from 'commander'
import { EXIT, failure } from '../core/errors.ts'
import { actionInShort } from '../core/in-short.ts'
import { didYouMean } from '../core/problems.ts'
import type { Action } from '../core/runbook.ts'
import { actionOfCheck } from '../language/check-uses.ts'
import { loadCheckLibrary, type NamedCheck } from '../language/checks.ts'
import { SHIPPED } from '../language/shipped.ts'
import { findRoot } from '../language/find.ts'
import { checkPage, type CheckManual } from '../views/show.ts'
import { checksText } from '../views/tables.ts'
import { examples, outputFlags, type OutputFlags } from './flags.ts'
import { print } from './print.ts'

export function define(command: Command): void {
  command.argument('[check]', 'the manual page of this one')
  outputFlags(command, ['text', 'json'])
  examples(command, 'runbook checks', 'runbook checks table-exists')
  command.action((name: string | undefined, flags: OutputFlags) => {
    const library = loadCheckLibrary(findRoot(process.cwd()))
    if (name === undefined) {
      const listed = library.names
        .flatMap((one) => library.read(one)?.check ?? [])
        .map((check) => ({
          name: check.name,
          title: check.file.title,
          own: check.folder.prefix !== SHIPPED,
        }))
      listed.sort((a, b) => a.name.localeCompare(b.name))
      print(flags, (look) => checksText(listed, look), listed)
      return
    }
    const found = library.read(name)?.check
    if (found === undefined) {
      const hint = didYouMean(name, library.names) ?? 'see them all: runbook checks'
      throw failure(EXIT.usage, `there is no check "${name}"`, { hint })
    }
    const manual = manualOf(found, actionOfCheck(found, library))
    print(flags, (look) => checkPage(manual, look), manual)
  })
}

function manualOf(
  { name, file, document, folder }: NamedCheck,
  action: Action | undefined,
): CheckManual {
  const { title, description, params = {}, example, expect, cannot_tell } = file
  return {
    name,
    title,
    ...(description !== undefined && { description }),
    file: folder.prefix === SHIPPED ? `shipped with runbook: checks/${name}.yaml` : document.file,
    params: Object.entries(params).map(
      ([
        param,
        { type = 'string', secret = false, default: value, enum: choices, title: says },
      ]) => ({
        name: param,
        type,
        secret,
        ...(value !== undefined && { default: value }),
        ...(choices !== undefined && { enum: choices }),
        ...(says !== undefined && { title: says }),
      }),
    ),
    ...(example !== undefined && { example }),
    action: action === undefined ? '' : actionInShort(action),
    expect: expect === undefined ? [] : [expect].flat().map(String),
    ...(cannot_tell !== undefined && { cannot_tell }),
  }
}
