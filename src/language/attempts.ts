/** Actions in their roles, from the file's form to the core's. */
import { posix, resolve } from 'node:path'
import { gist } from '../core/in-short.ts'
import type { Action, Attempt, HttpRequest, Retry, SqlSource, VerbName } from '../core/runbook.ts'
import { VERB_NAMES } from '../core/verbs.ts'
import { blame, blameKey, defined, each, expressionAt, type Reading } from './reading.ts'
import type { ActionFile } from './schema.ts'
import { placeText, valueOffset, type Way } from './tree.ts'

const DEFAULT_TIMEOUT = '10m'
/** Nobody waits long for a message to go. */
const NOTIFY_TIMEOUT = '10s'
const DEFAULT_DATABASE = '${{ inputs.database_url }}'

/** Keys that mean something only beside one verb. */
const COMPANIONS = { database: 'sql', transaction: 'sql', leaves_processes: 'run' } as const

/** The verb of an action; undefined when there is none, or (with a problem) more than one. */
export function verbOf(reading: Reading, file: ActionFile, way: Way): VerbName | undefined {
  const [verb, second] = VERB_NAMES.filter((name) => file[name] !== undefined)
  if (second !== undefined) {
    const message = `"${verb}" and "${second}" stand side by side; an action has one verb`
    blameKey(reading, [...way, second], { message, hint: 'make two steps of it' })
  }
  for (const [key, owner] of Object.entries(COMPANIONS)) {
    if (file[key as keyof typeof COMPANIONS] === undefined || verb === owner) continue
    blameKey(reading, [...way, key], {
      message: `"${key}" belongs to "${owner}", which is not here`,
    })
  }
  return verb
}

/** The action of a verb. Undefined, with a problem, when it cannot be one. */
export function actionOf(
  reading: Reading,
  file: ActionFile,
  verb: Exclude<VerbName, 'soak'>,
  way: Way,
): Action | undefined {
  const here: Way = [...way, verb]
  switch (verb) {
    case 'run': {
      const leaves_processes = file.leaves_processes ?? false
      const { run = '' } = file
      if (typeof run === 'string') return { verb, script: run, leaves_processes }
      return { verb, argv: run, leaves_processes }
    }
    case 'sql':
      return {
        verb,
        statements: each(file.sql, here).map(({ item, way: at }) => sqlSource(reading, item, at)),
        database: file.database ?? DEFAULT_DATABASE,
        transaction: file.transaction ?? true,
      }
    case 'http': {
      const request = requestOf(reading, file.http ?? {}, here)
      return request && { verb, ...request }
    }
    case 'backup':
      return file.backup && { verb, database: DEFAULT_DATABASE, ...defined(file.backup) }
    case 'restore':
      return file.restore && { verb, ...file.restore }
    case 'load': {
      if (file.load === undefined) return undefined
      const http = requestOf(reading, file.load.http, [...here, 'http'])
      return http && { ...file.load, verb, http }
    }
    case 'script': {
      if (file.script === undefined) return undefined
      const key = namedFile(reading, file.script.file, [...here, 'file'])
      return { verb, file: key, args: file.script.args ?? {} }
    }
    case 'manual':
      return file.manual && { verb, confirm: [], ...defined(file.manual) }
    case 'notify':
      return file.notify && { verb, ...defined(file.notify) }
  }
}

function sqlSource(reading: Reading, given: string | { file: string }, way: Way): SqlSource {
  if (typeof given === 'string') return { statement: given }
  return { file: namedFile(reading, given.file, [...way, 'file']) }
}

/** Notes a file that must be there; gives the name under which the plan keeps it. */
function namedFile(reading: Reading, file: string, way: Way): string {
  const { folder, document } = reading
  const key = `${folder.prefix}${posix.normalize(file)}`
  const path = resolve(folder.path, file)
  reading.files.push({ key, path, within: folder.path, document, way })
  return key
}

const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const

function requestOf(
  reading: Reading,
  file: NonNullable<ActionFile['http']>,
  way: Way,
): HttpRequest | undefined {
  const [method, second] = METHODS.filter((name) => file[name] !== undefined)
  if (method === undefined) {
    const hint = `write one of: ${METHODS.map((name) => `${name}: URL`).join(', ')}`
    blame(reading, way, { message: 'the request has no method and URL', hint })
    return undefined
  }
  if (second !== undefined) {
    blameKey(reading, [...way, second], {
      message: `a request has one method, here are "${method}" and "${second}"`,
    })
  }
  if (file.json !== undefined && file.body !== undefined) {
    blameKey(reading, [...way, 'body'], { message: 'a request has "json" or "body", not both' })
  }
  const { headers = {}, bearer, json, body } = file
  return {
    method,
    url: file[method] ?? '',
    headers,
    ...defined({ bearer, json: json, body }),
  }
}

/** How an action is retried, by its role: `attempts` for what is done or undone, `within` for what is asked. */
export function retryOf(
  reading: Reading,
  file: ActionFile,
  way: Way,
  role: 'do' | 'ask' | 'undo',
): Retry | undefined {
  const { retry } = file
  if (retry === undefined) return undefined
  const here: Way = [...way, 'retry']
  const { attempts, within, every } = retry
  if (role === 'ask') {
    if (attempts !== undefined) {
      const hint = 'write within: 60s'
      blameKey(reading, [...here, 'attempts'], {
        message: 'a check is asked again for a while, not a number of times',
        hint,
      })
    } else if (within === undefined)
      blame(reading, here, { message: '"within" is missing in "retry"' })
    return within === undefined ? undefined : { within, every }
  }
  if (within !== undefined) {
    const hint = 'write attempts: 3'
    blameKey(reading, [...here, 'within'], {
      message: 'an action is retried a number of times',
      hint,
    })
  } else if (attempts === undefined)
    blame(reading, here, { message: '"attempts" is missing in "retry"' })
  return attempts === undefined ? undefined : { attempts, every }
}

/** What a role adds: expectations, timeout, retry, environment. */
export function attemptOf(
  reading: Reading,
  file: ActionFile,
  action: Action,
  way: Way,
  role: 'do' | 'ask' | 'undo',
): Attempt {
  const usual = action.verb === 'notify' ? NOTIFY_TIMEOUT : DEFAULT_TIMEOUT
  const { timeout = usual, env = {}, cwd } = file
  const { document } = reading
  return {
    action,
    expect: each(file.expect, [...way, 'expect']).map(({ item, way: at }) =>
      expressionAt(reading, at, item),
    ),
    timeout,
    env,
    ...defined({ retry: retryOf(reading, file, way, role), cwd }),
    at: placeText(document, valueOffset(document, way)),
  }
}

const LONGEST_TITLE = 72

/** What a check or a probe is called that has no title of its own. */
export function shortTitle(action: Action): string {
  const text = gist(action)
  return text.length > LONGEST_TITLE ? `${text.slice(0, LONGEST_TITLE - 1)}…` : text
}
