/** Where runbooks are: in `runbooks/`, upward from the working folder; or a path to a YAML file. */
import { existsSync, lstatSync, readdirSync, statSync } from 'node:fs'
import { dirname, extname, join, relative, resolve } from 'node:path'
import { EXIT, failure } from '../core/errors.ts'
import { didYouMean } from '../core/problems.ts'

const FOLDER = 'runbooks'

/** The folder that holds `runbooks/`, upward from a folder; undefined when there is none. */
function holderOf(folder: string): string | undefined {
  for (let at = resolve(folder); ; at = dirname(at)) {
    const candidate = join(at, FOLDER)
    if (existsSync(candidate) && statSync(candidate).isDirectory()) return at
    if (at === dirname(at)) return undefined
  }
}

/** The `runbooks/` that a working folder has, here or above; undefined when there is none. */
export function findFolder(cwd: string): string | undefined {
  const holder = holderOf(cwd)
  return holder === undefined ? undefined : join(holder, FOLDER)
}

/** The root of a working folder: what holds `runbooks/`, else the working folder itself. */
export function findRoot(cwd: string): string {
  return holderOf(cwd) ?? resolve(cwd)
}

export interface Found {
  /** The folder that holds `runbooks/`, else the working folder. */
  root: string
  /** Absolute path of the runbook's file. */
  path: string
  /** The same relative to the root, for people and for the plan. */
  file: string
}

/** Finds a runbook by its name, or by the path of its file. Exit 2 when there is none. */
export function findRunbook(nameOrPath: string, cwd: string): Found {
  const isPath = /[/\\]/.test(nameOrPath) || ['.yaml', '.yml'].includes(extname(nameOrPath))
  if (isPath) return byPath(resolve(cwd, nameOrPath), nameOrPath, cwd)
  const root = findRoot(cwd)
  for (const extension of ['yaml', 'yml']) {
    const path = join(root, FOLDER, `${nameOrPath}.${extension}`)
    if (isThere(path)) return theFile(root, path)
  }
  const names = runbookNames(root).map(({ name }) => name)
  const hint =
    names.length === 0
      ? `there is no ${FOLDER}/ here or above; a path to a YAML file works too`
      : (didYouMean(nameOrPath, names) ?? 'runbook list shows them all')
  throw failure(EXIT.usage, `there is no runbook "${nameOrPath}"`, { hint })
}

function byPath(path: string, given: string, cwd: string): Found {
  if (!isThere(path)) {
    throw failure(EXIT.usage, `there is no file ${given}`, {
      hint: 'give the name of a runbook, or the path of its file',
    })
  }
  return theFile(holderOf(dirname(path)) ?? findRoot(cwd), path, given)
}

/** Also a link that leads nowhere. */
const isThere = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false }) !== undefined

/** Nothing but a file is ever opened: a pipe would be waited for. */
function theFile(root: string, path: string, given = relative(root, path)): Found {
  if (!isFile(path)) throw failure(EXIT.usage, `${given} is not a file`)
  return { root, path, file: relative(root, path) }
}

/** True for a file, or a link that leads to one. */
export function isFile(path: string): boolean {
  try {
    return statSync(path).isFile()
  } catch {
    return false
  }
}

/** The runbooks of a root, by name. What an editor leaves beside them, hidden, is none. */
export function runbookNames(root: string): { name: string; path: string }[] {
  const folder = join(root, FOLDER)
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .filter((entry) => /^[^.].*\.ya?ml$/.test(entry))
    .toSorted()
    .map((entry) => ({ name: entry.replace(/\.ya?ml$/, ''), path: join(folder, entry) }))
}
