/** The checks library: `checks/` beside `runbooks/` first, then the one that is shipped. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Problem } from '../core/problems.ts'
import { parseYaml } from './parse.ts'
import { validate } from './schema-issues.ts'
import { checkFile, type CheckFile } from './schema.ts'
import { problemAt, valueOffset, type Document } from './tree.ts'

/** A folder of files, and what the plan calls it: the prefix of their names. */
export interface Folder {
  path: string
  prefix: string
}

/** A named check as its file has it. */
export interface NamedCheck {
  name: string
  file: CheckFile
  document: Document
  folder: Folder
}

export interface Library {
  checks: Map<string, NamedCheck>
  /** What is wrong with files of the library, by the name of the check. */
  faults: Map<string, Problem[]>
}

/** What the plan calls the folder of the shipped checks, which lies outside of every root. */
export const SHIPPED = 'runbook:checks/'

/** The shipped `checks/`: beside the tool's own package.json, whether it runs from src or from dist. */
function shippedChecks(from = import.meta.dirname): string {
  for (let folder = from; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) return join(folder, 'checks')
    if (folder === dirname(folder)) return join(from, 'checks')
  }
}

/**
 * Reads every check that a runbook under `root` may name. Broken files do not throw: their faults are
 * kept, and told when a runbook uses them.
 */
export function loadCheckLibrary(root: string, shipped = shippedChecks()): Library {
  const library: Library = { checks: new Map(), faults: new Map() }
  addFolder(library, { path: shipped, prefix: SHIPPED })
  const own = join(root, 'checks')
  if (own !== shipped) addFolder(library, { path: own, prefix: 'checks/' })
  return library
}

function addFolder(library: Library, folder: Folder): void {
  if (!existsSync(folder.path)) return
  for (const entry of readdirSync(folder.path).toSorted()) {
    if (!/\.ya?ml$/.test(entry)) continue
    const name = entry.replace(/\.ya?ml$/, '')
    library.faults.delete(name)
    library.checks.delete(name)
    const shown = `${folder.prefix}${entry}`
    const { document, problems } = parseYaml(shown, readFileSync(join(folder.path, entry)))
    if (document === undefined) {
      library.faults.set(name, problems)
      continue
    }
    const result = validate(checkFile, document)
    const faults = [...problems, ...(result.problems ?? [])]
    if (result.data !== undefined) {
      if (result.data.check !== name) {
        const message = `this file is called ${entry}, its check ${result.data.check}`
        const hint = `write check: ${name}`
        faults.push(problemAt(document, valueOffset(document, ['check']), { message, hint }))
      }
      library.checks.set(name, { name, file: result.data, document, folder })
    }
    if (faults.length > 0) library.faults.set(name, faults)
  }
}
