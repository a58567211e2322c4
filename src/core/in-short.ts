/** Actions in a few words, as a plan and a page about a runbook show them. */
import { keepOutputs } from './hosts.ts'
import type { Plan } from './plan.ts'
import type { Action, HttpRequest, Rollback, Soak, SqlSource, Step } from './runbook.ts'
import { isSealed } from './secrets.ts'
import type { RunState } from './state.ts'
import { filledIn } from './templates.ts'

/** The lines that do something: neither empty nor a comment. All of them when there is no other. */
function telling(text: string, comment: RegExp): string[] {
  const lines = text.split('\n').map((line) => line.trim())
  const found = lines.filter((line) => line !== '' && !comment.test(line))
  return found.length > 0 ? found : lines.filter((line) => line !== '')
}

function oneLine(text: string): string {
  return text.trim().replaceAll(/\s+/g, ' ')
}

/** Of a value in a line no more than this: an address fits, what a test run printed does not. */
const LONGEST_VALUE = 100

/** A value as it is named in a line: on one line, and cut where it is long. */
export function valueInShort(text: string): string {
  const line = oneLine(text)
  return line.length > LONGEST_VALUE ? `${line.slice(0, LONGEST_VALUE - 1).toWellFormed()}…` : line
}

function request({ method, url }: HttpRequest): string {
  return `${method.toUpperCase()} ${url}`
}

function statement(source: SqlSource | undefined): string {
  if (source === undefined) return ''
  return 'file' in source ? source.file : oneLine(telling(source.statement, /^--/).join(' '))
}

/** What an action is about, on one line: of a script the first line that does something. */
export function gist(action: Action): string {
  switch (action.verb) {
    case 'run':
      return 'argv' in action ? oneLine(action.argv.join(' ')) : (scriptLines(action)[0] ?? '')
    case 'sql':
      return statement(action.statements[0])
    case 'http':
      return request(action)
    case 'backup':
      return `backup to ${action.to}`
    case 'restore':
      return `restore ${action.file}`
    case 'load':
      return `load ${action.requests} × ${request(action.http)}`
    case 'script':
      return action.file
    case 'manual':
      return `${action.role}: ${oneLine(action.ask)}`
    case 'soak':
      return soakInShort(action)
    case 'notify':
      return `notify ${action.to}: ${oneLine(action.text)}`
  }
}

function scriptLines({ script }: Extract<Action, { script: string }>): string[] {
  return telling(script, /^#/)
}

/** The same of an action of a run, with what the run has recorded by now in place of templates. */
export function actionInRun(
  action: Action,
  plan: Plan,
  state: RunState,
  step: Pick<Step, 'on'>,
): string {
  const steps: Record<string, Record<string, unknown>> = {}
  for (const one of plan.steps) {
    const { outputs = {} } = state.steps.get(one.id) ?? {}
    const clear = Object.entries(outputs).filter(([, value]) => !isSealed(value))
    keepOutputs(steps, one, Object.fromEntries(clear))
  }
  return oneLine(filledIn(actionInShort(action), { steps, host: { name: step.on?.host.name } }))
}

/** `run: npm test`, `sql: DROP TABLE …`, `POST https://…`: the verb and what it is about. */
export function actionInShort(action: Action): string {
  const text = gist(action)
  switch (action.verb) {
    case 'run':
      return `run: ${text}${more('argv' in action ? 0 : scriptLines(action).length - 1, 'line')}`
    case 'sql':
      return `sql: ${text}${more(action.statements.length - 1)}`
    case 'script':
      return `script: ${text}`
    default:
      return text
  }
}

function more(count: number, what = ''): string {
  if (count <= 0) return ''
  return ` (and ${count} more${what === '' ? '' : ` ${what}${count === 1 ? '' : 's'}`})`
}

/** `watch web, login every 30s for 24h`. */
function soakInShort(soak: Soak): string {
  const time = soak.for === undefined ? '' : ` for ${soak.for}`
  return `watch ${Object.keys(soak.probes).join(', ')} every ${soak.every}${time}`
}

/** What each probe asks and expects: `web: GET …/metrics.json, json.error_rate < 0.01`. */
export function probesInShort({ probes }: Soak): string[] {
  return Object.entries(probes).map(([name, { title, expect }]) =>
    [`${name}: ${title}`, ...expect.map(({ source }) => source)].join(', '),
  )
}

/** How a step is undone: each undo in order, `keep`, `irreversible`, or `none`. */
export function rollbackInShort(rollback: Rollback): string[] {
  if (rollback.kind !== 'undo') return [rollback.kind]
  return rollback.undos.map((undo) => actionInShort(undo.action))
}
