/** Rules for soaks: what their probes give and their expectations name, and where they may stand. */
import { typeWord } from '../core/expression-errors.ts'
import type { Fields } from '../core/expression-types.ts'
import { verbIn } from '../core/verbs.ts'
import { lintCheck } from './lint-checks.ts'
import {
  blameInside,
  lintConditions,
  lintDuration,
  lintExpression,
  type Lint,
  type View,
} from './lint-texts.ts'
import { blameKey, each, type Reading } from './reading.ts'
import type { ProbeFile, SoakFile, StepFile } from './schema.ts'
import type { Way } from './tree.ts'
import { soakSight, type Sight } from './variables.ts'

interface Soaking {
  variables: (sight: Sight) => Fields
  /** Inputs that the processes of its probes may see. */
  secrets: readonly string[]
}

/** Checks a soak with its expectation, wherever in a step it stands. */
export function lintSoak(
  lint: Lint,
  way: Way,
  file: { soak?: SoakFile | undefined; expect?: string | string[] | undefined },
  view: View,
  { variables, secrets }: Soaking,
): void {
  const { soak } = file
  if (soak === undefined) return
  const here: Way = [...way, 'soak']
  lintDuration(lint, [...here, 'for'], soak.for, view)
  lintDuration(lint, [...here, 'every'], soak.every, view, true)
  for (const [name, probe] of Object.entries(soak.probes)) {
    const at: Way = [...here, 'probes', name]
    lintCheck(lint, at, probe, view, variables, secrets)
    lintFigures(lint, at, probe, view, variables)
  }
  const after: View = { ...view, variables: variables(soakSight(soak)) }
  lintConditions(lint, [...way, 'expect'], file.expect, after)
}

/** Figures are numbers out of the probe's result. */
function lintFigures(
  lint: Lint,
  way: Way,
  probe: ProbeFile,
  view: View,
  variables: Soaking['variables'],
): void {
  const named =
    probe.check === undefined ? probe : lint.reading.library.read(probe.check)?.check?.file
  const verb = named === undefined ? undefined : verbIn(named)
  const after: View = {
    ...view,
    variables: variables(verb === undefined ? { open: true } : { verb }),
  }
  for (const [name, source] of Object.entries(probe.figures ?? {})) {
    const at: Way = [...way, 'figures', name]
    const type = lintExpression(lint, at, source, after)
    if (type === undefined || ['int', 'double', 'dyn'].includes(type)) continue
    blameInside(lint, at, 0, {
      message: `a figure is a number, and this gives ${typeWord(type)}`,
      hint: 'int(text) and double(text) make a number of a text',
    })
  }
}

/** Where a soak and a during may stand, and what makes no sense beside them. */
export function lintSoakShape(reading: Reading, way: Way, file: StepFile, isLast: boolean): void {
  const says = (name: string, message: string, hint: string): void =>
    blameKey(reading, [...way, name], { message, hint })
  const checks = each(file.verify, way).map(({ item }) => item)
  const soaks = checks.filter(({ soak }) => soak !== undefined)
  if (isLast) {
    const key = file.soak !== undefined ? 'soak' : file.during !== undefined ? 'during' : 'verify'
    if (key !== 'verify' || soaks.length > 0)
      says(key, 'what stands in finally is done at once: it cannot watch for a while', 'remove it')
    return
  }
  if (file.during !== undefined && ['soak', undefined].includes(verbIn(file))) {
    says(
      'during',
      '"during" watches while an action is done, and this step only has a check',
      'a soak is a check itself: verify: { soak: … }',
    )
  }
  if (soaks.length > 0 && file.skip_if_verified === true) {
    says(
      'skip_if_verified',
      'a soak takes its time, so it cannot be asked before the step',
      'make a step of the soak, after this one',
    )
  }
  if (soaks.length > 0 && soaks.length === checks.length) {
    for (const { item, way: at } of each(file.rollback, [...way, 'rollback'])) {
      if (typeof item !== 'object' || item.verify !== 'inverse') continue
      blameKey(reading, [...at, 'verify'], {
        message: 'a soak takes its time, so an undo cannot be proven by its inverse',
        hint: 'write a check that proves the undo',
      })
    }
  }
  if (file.soak === undefined) return
  if (file.effect !== undefined && file.effect !== 'none')
    says('effect', 'a soak only reads', 'remove it, or write effect: none')
  if (file.verify !== undefined) {
    const hint = 'put it into verify, beside the other checks: verify: [{ soak: … }, …]'
    says('verify', 'a soak is a check itself, and proves what it watches', hint)
  }
  if (file.skip_if_verified !== undefined)
    says('skip_if_verified', 'a soak cannot be asked before it is watched', 'remove it')
}
