/** Reading a runbook's file: everything that is wrong with it, or a sound runbook and its warnings. */
import { readFile } from 'node:fs/promises'
import { basename, dirname, relative } from 'node:path'
import type { Problem } from '../core/problems.ts'
import type { Runbook } from '../core/runbook.ts'
import { judgeScripts } from './bash.ts'
import { loadCheckLibrary } from './checks.ts'
import { contentOf } from './files.ts'
import { findRoot, findRunbook, isFile, runbookNames, type Found } from './find.ts'
import { lint } from './lint.ts'
import { parseYaml } from './parse.ts'
import type { Reading } from './reading.ts'
import { runbookOf } from './runbook.ts'
import { validate } from './schema-issues.ts'
import { runbook as schema } from './schema.ts'
import { problemAt, valueOffset } from './tree.ts'

/** Everything that is wrong with a runbook's file, and the warnings. Exit 2 when there is no such file. */
export async function lintFile(
  nameOrPath: string,
  cwd: string = process.cwd(),
): Promise<Problem[]> {
  const { problems } = await read(findRunbook(nameOrPath, cwd))
  return problems
}

/** The runbooks of the root of a working folder, with their titles where they can be read. */
export async function listRunbooks(
  cwd: string,
): Promise<{ name: string; path: string; title?: string }[]> {
  return Promise.all(
    runbookNames(findRoot(cwd)).map(async ({ name, path }) => {
      if (!isFile(path)) return { name, path }
      const { document } = parseYaml(name, await readFile(path))
      const { title } = (document?.data ?? {}) as { title?: unknown }
      return { name, path, ...(typeof title === 'string' ? { title } : {}) }
    }),
  )
}

/** Reads, validates, normalises, lints. `runbook` is there when the schema holds; `problems` are in order. */
export async function read(
  { root, path, file }: Found,
  alone = false,
): Promise<{ runbook?: Runbook; problems: Problem[] }> {
  const { document, problems } = parseYaml(file, await readFile(path))
  if (document === undefined) return { problems }
  const valid = validate(schema, document)
  if (valid.data === undefined) return { problems: inOrder(file, [...problems, ...valid.problems]) }
  const reading: Reading = {
    document,
    folder: { path: root, prefix: '' },
    problems,
    files: [],
    scripts: [],
    contents: {},
    library: loadCheckLibrary(root),
  }
  const { data } = valid
  const name = basename(path).replace(/\.ya?ml$/, '')
  if (basename(dirname(path)) === 'runbooks' && name !== data.runbook) {
    const message = `this file is called ${relative(dirname(path), path)}, its runbook ${data.runbook}`
    const hint = `write runbook: ${name}`
    problems.push(problemAt(document, valueOffset(document, ['runbook']), { message, hint }))
  }
  const runbook = runbookOf(reading, data)
  lint(reading, data, runbook)
  if (!alone) await judgeScripts(reading)
  runbook.files = { ...reading.contents, ...(await contentOf(reading)) }
  return { runbook, problems: inOrder(file, problems) }
}

/** By file and place; one problem a place when both say the same. */
function inOrder(main: string, problems: Problem[]): Problem[] {
  const seen = new Set<string>()
  const kept = problems.filter(({ file, line, column, message, hint }) => {
    const about = hint?.includes('quote it') === true ? 'quoting' : message
    const key = JSON.stringify([file, line, column, about])
    return !seen.has(key) && seen.add(key)
  })
  return kept.sort(
    (a, b) =>
      Number(a.file !== main) - Number(b.file !== main) ||
      a.file.localeCompare(b.file) ||
      a.line - b.line ||
      a.column - b.column,
  )
}
