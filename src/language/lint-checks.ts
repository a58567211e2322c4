/** Rules for checks, where they are used and in the files of the library. */
import { checkExpression } from '../core/expression-types.ts'
import type { Fields } from '../core/expression-types.ts'
import { expressionsIn, hasTemplate } from '../core/templates.ts'
import { typeWord } from '../core/expression-errors.ts'
import { lintAction } from './lint-actions.ts'
import {
  blameInside,
  lintConditions,
  lintDuration,
  lintTemplates,
  lintUnfilled,
  type Lint,
  type View,
} from './lint-texts.ts'
import { inputValue } from '../core/inputs.ts'
import { didYouMean } from '../core/problems.ts'
import { verbIn } from '../core/verbs.ts'
import { paramInput } from './check-uses.ts'
import { blameKey, blameValue, each, type Reading } from './reading.ts'
import type { NamedCheck } from './checks.ts'
import type { CheckUse } from './schema.ts'
import type { Way } from './tree.ts'
import { paramTypes, type Sight } from './variables.ts'

type Variables = (sight: Sight) => Fields

/** Checks one check or a list of them. */
export function lintChecks(
  lint: Lint,
  way: Way,
  given: CheckUse | CheckUse[] | undefined,
  view: View,
  variables: Variables,
  secrets: readonly string[],
): void {
  for (const { item, way: at } of each(given, way))
    lintCheck(lint, at, item, view, variables, secrets)
}

/** Checks one check that is asked at one moment. */
export function lintCheck(
  lint: Lint,
  way: Way,
  file: CheckUse,
  view: View,
  variables: Variables,
  secrets: readonly string[],
): void {
  if (file.check === undefined) {
    const verb = verbIn(file)
    const after: View = {
      ...view,
      variables: variables(verb === undefined ? { open: true } : { verb }),
    }
    lintAction(lint, way, file, view, after, secrets)
    return
  }
  const known = lint.reading.library.read(file.check)?.check
  lintTemplates(lint, [...way, 'with'], file.with, view)
  for (const key of ['env', 'cwd'] as const) lintTemplates(lint, [...way, key], file[key], view)
  lintDuration(lint, [...way, 'timeout'], file.timeout, view, true)
  lintDuration(lint, [...way, 'retry', 'within'], file.retry?.within, view)
  lintDuration(lint, [...way, 'retry', 'every'], file.retry?.every, view)
  if (known === undefined) return
  lintParams(lint, way, file, known, view)
  const verb = verbIn(known.file)
  const sight: Sight = {
    params: paramTypes(known.file.params ?? {}),
    ...(verb === undefined ? {} : { verb }),
  }
  lintConditions(lint, [...way, 'expect'], file.expect, { ...view, variables: variables(sight) })
}

/** A parameter that is one template must give the parameter's type; secrets stay secrets. */
function lintParams(lint: Lint, way: Way, file: CheckUse, known: NamedCheck, view: View): void {
  const types = paramTypes(known.file.params ?? {})
  for (const [name, value] of Object.entries(file.with ?? {})) {
    const wanted = types[name]
    if (typeof value !== 'string' || !hasTemplate(value) || typeof wanted !== 'string') continue
    const [only] = expressionsIn(value).expressions
    if (only === undefined) continue
    const whole = /^\$\{\{[^]*\}\}$/.test(value) && value.indexOf('}}') === value.length - 2
    const checked = checkExpression(only.source, view.variables)
    const type = !whole ? 'string' : checked.ok ? checked.type : 'dyn'
    const numbers = ['int', 'double']
    if (type === 'dyn' || type === wanted || (wanted === 'double' && numbers.includes(type)))
      continue
    blameInside(lint, [...way, 'with', name], 0, {
      message: `the parameter ${name} of ${known.name} is ${typeWord(wanted)}, this gives ${typeWord(type)}`,
      hint: wanted === 'string' && whole ? `write "\${{ string(${only.source}) }}"` : undefined,
    })
  }
}

/** Checks a file of the library, once for each runbook that uses it. */
export function lintCheckFile(
  lint: Lint,
  { file, document, folder }: NamedCheck,
  variables: Variables,
): void {
  const reading: Reading = { ...lint.reading, document, folder }
  const params = paramTypes(file.params ?? {})
  const secrets = new Set(
    Object.entries(file.params ?? {}).flatMap(([name, { secret }]) =>
      secret === true ? [`params.${name}`] : [],
    ),
  )
  const inside: Lint = {
    ...lint,
    reading,
    filled: new Set(),
    secrets: new Set([...lint.secrets, ...secrets]),
  }
  const verb = verbIn(file)
  const before: View = { variables: variables({ params, steps: false }) }
  const after: View = {
    variables: variables({ params, steps: false, ...(verb === undefined ? {} : { verb }) }),
  }
  lintAction(inside, [], file, before, after, Object.keys(lint.runbook.inputs))
  for (const [name, param] of Object.entries(file.params ?? {})) {
    const way: Way = ['params', name, 'default']
    const { default: given } = param
    if (given === undefined) continue
    if (typeof given === 'string' && hasTemplate(given)) {
      lintTemplates(inside, way, given, { variables: variables({ steps: false }) })
    } else {
      const result = inputValue(name, paramInput(param), given)
      if ('problem' in result) blameValue(reading, way, given, result.problem)
    }
  }
  for (const name of Object.keys(file.example ?? {})) {
    // An example shows a use, templates and all.
    inside.filled.add(JSON.stringify(['example', name]))
    if (name in params) continue
    const hint = didYouMean(name, Object.keys(params))
    blameKey(reading, ['example', name], { message: `there is no parameter "${name}"`, hint })
  }
  lintUnfilled(inside, document.root, [])
}
