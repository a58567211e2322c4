/** The way in: a name or a path becomes a sound runbook, or an error with everything that is wrong. */
import { EXIT, failure } from '../core/errors.ts'
import type { Problem } from '../core/problems.ts'
import type { Runbook } from '../core/runbook.ts'
import { findRunbook } from './find.ts'
import { recall, remember } from './recall.ts'

export interface Loaded {
  runbook: Runbook
  /** Absolute; relative paths of the runbook are under it. */
  root: string
  /** Warnings. */
  problems: Problem[]
}

/**
 * Loads a runbook by name or path. Exit 2 when there is none, or, with all `problems`, when it is
 * not sound. `alone`: no other program is started, so that what only bash would notice stays unsaid.
 */
export async function loadRunbook(
  nameOrPath: string,
  cwd: string,
  { alone = false } = {},
): Promise<Loaded> {
  const found = findRunbook(nameOrPath, cwd)
  const known = recall(found, alone)
  if (known !== undefined) return { ...known, root: found.root }
  // The parser, the schema and the expressions take longer to load than most commands take to run.
  const { read } = await import('./read.ts')
  const { runbook, problems } = await read(found, alone)
  const errors = problems.filter(({ level }) => level !== 'warning')
  if (runbook !== undefined && errors.length === 0) {
    remember(found, { runbook, problems }, !alone)
    return { runbook, root: found.root, problems }
  }
  const count = errors.length === 1 ? 'a problem' : `${errors.length} problems`
  throw failure(EXIT.usage, `${found.file} has ${count}; nothing was touched`, {
    problems,
    hint: `correct the file, then: runbook lint ${nameOrPath}`,
  })
}
