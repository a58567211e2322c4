/** Checks and undos, from the file's form to the core's. */
import type { Check, Undo } from '../core/runbook.ts'
import { VERB_NAMES, VERBS } from '../core/verbs.ts'
import { actionOf, attemptOf, shortTitle, verbOf } from './attempts.ts'
import { blame, blameKey, defined, each, type Reading } from './reading.ts'
import type { CheckUse, UndoFile } from './schema.ts'
import type { Way } from './tree.ts'
import { expandCheck } from './check-uses.ts'

/** What can be asked, and what can undo. */
const ASKING = VERB_NAMES.filter((verb) => VERBS[verb].noCheck === undefined)
const UNDOING = VERB_NAMES.filter((verb) => VERBS[verb].noUndo !== true)

/** A check: one verb, or the name of one of the library. */
export function checkOf(reading: Reading, file: CheckUse, way: Way): Check | undefined {
  if (file.check !== undefined) return expandCheck(reading, file, file.check, way)
  if (file.with !== undefined) {
    blameKey(reading, [...way, 'with'], { message: '"with" belongs to "check", which is not here' })
  }
  const verb = verbOf(reading, file, way)
  if (verb === undefined) {
    const hint = `write check: name, or one of: ${ASKING.join(', ')}`
    blame(reading, way, { message: 'this check asks nothing', hint })
    return undefined
  }
  const { noCheck } = VERBS[verb]
  if (noCheck !== undefined) {
    blameKey(reading, [...way, verb], { message: `"${verb}" ${noCheck}, so it cannot be a check` })
    return undefined
  }
  if (verb === 'soak') {
    blameKey(reading, [...way, verb], {
      message: 'a soak takes its time, and this check is asked at one moment',
      hint: 'a soak is the verify of a step, its action, or in its during',
    })
    return undefined
  }
  const action = actionOf(reading, file, verb, way)
  if (action === undefined) return undefined
  const attempt = attemptOf(reading, file, action, way, 'ask')
  return { ...attempt, title: file.title ?? shortTitle(action), params: {} }
}

/** One check or a list. */
export function checksOf(
  reading: Reading,
  given: CheckUse | CheckUse[] | undefined,
  way: Way,
): Check[] {
  return each(given, way).flatMap(({ item, way: at }) => checkOf(reading, item, at) ?? [])
}

/** One way back. */
export function undoOf(reading: Reading, file: UndoFile, way: Way): Undo | undefined {
  const verb = verbOf(reading, file, way)
  if (verb === undefined) {
    blame(reading, way, {
      message: 'this undo does nothing',
      hint: `write one of: ${UNDOING.join(', ')}`,
    })
    return undefined
  }
  if (verb === 'notify') {
    const hint = 'to tell people how a rollback ended, put a step with notify into finally:'
    blameKey(reading, [...way, verb], { message: `"${verb}" undoes nothing`, hint })
    return undefined
  }
  if (file.verify === undefined) {
    const hint =
      "add verify: with a check, or verify: inverse if the step's own check must no longer hold"
    blame(reading, way, { message: 'nothing shows that this undo has undone anything', hint })
  }
  const action = verb === 'soak' ? undefined : actionOf(reading, file, verb, way)
  if (action === undefined) return undefined
  const { verify = [], loses, covers } = file
  const checks = verify === 'inverse' ? verify : checksOf(reading, verify, [...way, 'verify'])
  return {
    ...attemptOf(reading, file, action, way, 'undo'),
    verify: checks,
    ...defined({ loses, covers }),
  }
}
