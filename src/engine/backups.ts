/** What a rollback needs must be there before its first undo: every file that a restore will read. */
import { isAbsolute, join } from 'node:path'
import { EXIT, failure } from '../core/errors.ts'
import type { RunState } from '../core/state.ts'
import { resolve } from '../core/templates.ts'
import type { StepToUndo } from '../core/undo.ts'
import { sha256OfFile } from '../lib/files.ts'
import { openOutputs } from './outputs.ts'
import { scopeOf, type Bound } from './runtime.ts'

/** Throws exit 6, naming the file, when one is missing on this machine or is not what was written. */
export async function demandBackups(
  bound: Bound,
  steps: readonly StepToUndo[],
  state: RunState,
): Promise<void> {
  const restores = steps.flatMap((s) =>
    s.undos.flatMap(({ undo }) =>
      undo.action.verb === 'restore' ? [{ step: s.step, action: undo.action }] : [],
    ),
  )
  if (restores.length === 0) return
  const outputs = openOutputs(bound, bound.plan, state)
  for (const { step, action } of restores) {
    const scope = scopeOf(bound, { outputs, run: state.run, host: step.on?.host })
    const file = String(resolve(action.file, scope))
    const path = isAbsolute(file) ? file : join(bound.root, file)
    const found = await sha256OfFile(path)
    const known = [...state.steps.values()].find((s) => s.outputs.file === file)?.outputs.sha256
    if (found === undefined) throw refused(step.id, `${file} is not on this machine`)
    if (typeof known === 'string' && known !== found)
      throw refused(step.id, `${file} is not the file that was written (its checksum differs)`)
  }
}

function refused(step: string, why: string): Error {
  return failure(EXIT.precondition, `the undo of step "${step}" restores a backup, and ${why}`, {
    hint: 'nothing was undone; bring the file here and give the same command again',
  })
}
