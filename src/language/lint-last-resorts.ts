/** Rules for last resorts: undos that run only by name. */
import { didYouMean } from '../core/problems.ts'
import type { Runbook, Step } from '../core/runbook.ts'
import { blame, blameKey, each, type Reading } from './reading.ts'
import type { StepFile, UndoFile } from './schema.ts'
import type { Way } from './tree.ts'

interface Place {
  step: Step
  file: StepFile
  way: Way
}

function undosOf({ file, way }: Place): { item: UndoFile; way: Way }[] {
  return file.rollback === 'keep' ? [] : each(file.rollback, [...way, 'rollback'])
}

/** What an ordinary rollback does with the step must be said besides, and what the last resort loses. */
export function lintLastResorts(reading: Reading, place: Place): void {
  const { step, file, way } = place
  const undos = undosOf(place)
  const resorts = undos.filter(({ item }) => item.last_resort === true)
  const ordinary = file.rollback === 'keep' || resorts.length < undos.length
  if (file.irreversible !== undefined && ordinary) {
    blameKey(reading, [...way, 'irreversible'], {
      message: 'a step with a rollback is not irreversible',
      hint: 'remove one of the two; an undo with last_resort: true may stay, and runs only by name',
    })
  }
  const [first] = resorts
  if (first !== undefined && !ordinary && file.irreversible === undefined) {
    blameKey(reading, [...first.way, 'last_resort'], {
      message: `only its last resort undoes step ${step.id}, and an ordinary rollback does not take that`,
      hint: 'add an ordinary undo, or irreversible: why',
    })
  }
  for (const { item, way: at } of undos) {
    if (item.last_resort === true) {
      if (item.loses !== undefined) continue
      const hint = 'add loses: with what is lost; an undo that loses nothing needs no last_resort'
      const message = 'a last resort says what it loses'
      blameKey(reading, [...at, 'last_resort'], { message, hint })
    } else if (item.covers !== undefined) {
      const message = 'only a last resort undoes other steps as well'
      blameKey(reading, [...at, 'covers'], { message, hint: 'add last_resort: true, or remove it' })
    }
  }
}

/** A last resort covers steps that there are, and that have something to undo. */
export function lintCovers(reading: Reading, { steps }: Runbook, place: Place): void {
  const own = place.step.id
  const ids = steps
    .filter(({ rollback: { kind } }) => kind === 'undo' || kind === 'irreversible')
    .flatMap(({ id }) => (id === own ? [] : [id]))
  for (const { item, way } of undosOf(place)) {
    for (const [i, id] of (item.covers ?? []).entries()) {
      if (ids.includes(id)) continue
      const there = steps.some((one) => one.id === id)
      const message = !there
        ? `there is no step "${id}"`
        : id === own
          ? 'a last resort undoes its own step by nature'
          : `step ${id} has nothing to undo`
      const hint = there ? 'remove it' : didYouMean(id, ids)
      blame(reading, [...way, 'covers', i], { message, hint })
    }
  }
}
