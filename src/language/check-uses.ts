/** A named check where it is used: its parameters filled in, its own keys on top. */
import { inputValue } from '../core/inputs.ts'
import { didYouMean } from '../core/problems.ts'
import type { Action, Check, Input, Value } from '../core/runbook.ts'
import { hasTemplate } from '../core/templates.ts'
import { ownExpectation } from '../core/verbs.ts'
import { actionOf, attemptOf, retryOf, verbOf } from './attempts.ts'
import type { Library, NamedCheck } from './checks.ts'
import {
  blame,
  blameKey,
  blameValue,
  defined,
  each,
  expressionAt,
  type Reading,
} from './reading.ts'
import type { CheckUse, ParamFile } from './schema.ts'
import { placeText, valueOffset, type Way } from './tree.ts'

/** The declaration of a parameter, in the form of an input. */
export function paramInput({
  type = 'string',
  secret = false,
  enum: choices,
  title,
}: ParamFile): Input {
  return {
    type,
    secret,
    refs: [],
    at: '',
    ...defined({ enum: choices, title }),
  }
}

/** What a check of the library does; undefined when its file says nothing that can be done. */
export function actionOfCheck(
  { document, folder, file }: NamedCheck,
  library: Library,
): Action | undefined {
  const alone = { document, folder, library, problems: [], files: [], scripts: [], contents: {} }
  const verb = verbOf(alone, file, [])
  return verb === undefined || verb === 'soak' ? undefined : actionOf(alone, file, verb, [])
}

/**
 * A use of a named check, as the check that it stands for. Its own keys beside `check` and `with`
 * come on top: more expectations, another title, timeout or retry.
 */
export function expandCheck(
  reading: Reading,
  use: CheckUse,
  name: string,
  way: Way,
): Check | undefined {
  const { library } = reading
  const { check: known, faults = [] } = library.read(name) ?? {}
  for (const fault of faults) {
    // A check may be used many times; its faults are told once.
    if (!reading.problems.includes(fault)) reading.problems.push(fault)
  }
  const other = verbOf(reading, use, way)
  if (other !== undefined) {
    blameKey(reading, [...way, other], {
      message: `"${other}" stands beside "check"; a check has one of them`,
    })
  }
  if (known === undefined) {
    if (faults.length > 0) return undefined
    const hint = didYouMean(name, library.names) ?? 'runbook checks lists them'
    blame(reading, [...way, 'check'], { message: `there is no check "${name}"`, hint })
    return undefined
  }
  const params = paramsOf(reading, use, known, way)
  const inside: Reading = { ...reading, document: known.document, folder: known.folder }
  const { file } = known
  reading.contents[known.document.file] = known.document.text
  const verb = verbOf(inside, file, [])
  const action = verb && verb !== 'soak' ? actionOf(inside, file, verb, []) : undefined
  if (verb === undefined || action === undefined) {
    if (verb === undefined) blame(inside, [], { message: `the check ${name} asks nothing` })
    return undefined
  }
  const own = attemptOf(inside, file, action, [], 'ask')
  const attempt = { ...own, at: placeText(reading.document, valueOffset(reading.document, way)) }
  const more = each(use.expect, [...way, 'expect']).map(({ item, way: at }) =>
    expressionAt(reading, at, item),
  )
  const expected =
    more.length > 0 && attempt.expect.length === 0 ? ownExpectation(attempt) : attempt.expect
  const { timeout = attempt.timeout, cwd = attempt.cwd } = use
  return {
    ...attempt,
    expect: [...expected, ...more],
    timeout,
    env: { ...attempt.env, ...use.env },
    ...defined({ cwd, retry: retryOf(reading, use, way, 'ask') ?? attempt.retry }),
    title: use.title ?? usedTitle(name, use),
    params,
  }
}

function usedTitle(name: string, use: CheckUse): string {
  const given = Object.entries(use.with ?? {}).map(
    ([key, value]) => `${key}: ${typeof value === 'string' ? value : JSON.stringify(value)}`,
  )
  return given.length === 0 ? name : `${name} (${given.join(', ')})`
}

/** The parameters of a use: all declared, all of their type, none missing. Templates are typed by lint. */
function paramsOf(
  reading: Reading,
  use: CheckUse,
  known: NamedCheck,
  way: Way,
): Record<string, Value> {
  const declared = known.file.params ?? {}
  const given = use.with ?? {}
  const params: Record<string, Value> = {}
  for (const [key, value] of Object.entries(given)) {
    const param = declared[key]
    const here: Way = [...way, 'with', key]
    if (param === undefined) {
      const hint = didYouMean(key, Object.keys(declared))
      blameKey(reading, here, {
        message: `the check ${known.name} has no parameter "${key}"`,
        hint,
      })
      continue
    }
    params[key] = value
    if (typeof value === 'string' && hasTemplate(value)) continue
    const result = inputValue(key, paramInput(param), value)
    if ('problem' in result) {
      blameValue(reading, here, value, result.problem)
    } else params[key] = result.value
  }
  for (const [key, param] of Object.entries(declared)) {
    if (key in given) continue
    if (param.default !== undefined) params[key] = param.default
    else {
      const hint = `write with: { ${key}: … }${param.title === undefined ? '' : ` (${param.title})`}`
      blame(reading, [...way, 'check'], {
        message: `the check ${known.name} needs the parameter "${key}"`,
        hint,
      })
    }
  }
  return params
}
