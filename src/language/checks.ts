/** The checks library: `checks/` beside `runbooks/` first, then the one that is shipped. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Problem } from '../core/problems.ts'
import { parseYaml } from './parse.ts'
import { validate } from './schema-issues.ts'
import { checkFile, type CheckFile } from './schema.ts'
import { SHIPPED, shippedChecks } from './shipped.ts'
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

/** A check of the library, and what is wrong with its file; a file may be too broken to give a check. */
interface Read {
  check?: NamedCheck
  faults: Problem[]
}

export interface Library {
  names: string[]
  /** Reads one check, when it is asked for first; undefined when there is no such file. */
  read(name: string): Read | undefined
}

/**
 * The checks that a runbook under `root` may name. Each is read only when it is asked for: a runbook
 * uses few of them. Broken files do not throw: their faults are told when a runbook uses them.
 */
export function loadCheckLibrary(root: string, shipped = shippedChecks()): Library {
  const files = new Map<string, { folder: Folder; entry: string }>()
  const own = join(root, 'checks')
  const folders = [{ path: shipped, prefix: SHIPPED }]
  if (own !== shipped) folders.push({ path: own, prefix: 'checks/' })
  for (const folder of folders) {
    if (!existsSync(folder.path)) continue
    for (const entry of readdirSync(folder.path).toSorted()) {
      if (/\.ya?ml$/.test(entry)) files.set(entry.replace(/\.ya?ml$/, ''), { folder, entry })
    }
  }
  const known = new Map<string, Read>()
  return {
    names: [...files.keys()],
    read(name) {
      const file = files.get(name)
      if (file === undefined) return undefined
      const read = known.get(name) ?? readCheck(name, file.folder, file.entry)
      known.set(name, read)
      return read
    },
  }
}

function readCheck(name: string, folder: Folder, entry: string): Read {
  const { document, problems } = parseYaml(
    `${folder.prefix}${entry}`,
    readFileSync(join(folder.path, entry)),
  )
  if (document === undefined) return { faults: problems }
  const { data, problems: invalid = [] } = validate(checkFile, document)
  const faults = [...problems, ...invalid]
  if (data === undefined) return { faults }
  if (data.check !== name) {
    const message = `this file is called ${entry}, its check ${data.check}`
    const hint = `write check: ${name}`
    faults.push(problemAt(document, valueOffset(document, ['check']), { message, hint }))
  }
  return { check: { name, file: data, document, folder }, faults }
}
