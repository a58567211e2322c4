/** Actions in a few words, as a plan and a page about a runbook show them. */
import type { Action, HttpRequest, Rollback, Soak, SqlSource } from './runbook.ts'

/** The first line that does something; the rest of a script is counted. */
function firstLine(script: string): string {
  const lines = script.split('\n').filter((line) => line.trim() !== '' && !/^\s*#/.test(line))
  const more = lines.length - 1
  return `${lines[0]?.trim() ?? ''}${more > 0 ? ` (and ${more} more ${more === 1 ? 'line' : 'lines'})` : ''}`
}

function request({ method, url }: HttpRequest): string {
  return `${method.toUpperCase()} ${url}`
}

function statement(source: SqlSource | undefined): string {
  if (source === undefined) return ''
  return 'file' in source ? source.file : source.statement.trim().replaceAll(/\s+/g, ' ')
}

/** `run: npm test`, `sql: DROP TABLE …`, `POST https://…`: the verb and what it is about. */
export function actionInShort(action: Action): string {
  switch (action.verb) {
    case 'run':
      return `run: ${'script' in action ? firstLine(action.script) : action.argv.join(' ')}`
    case 'sql': {
      const more = action.statements.length - 1
      const rest = more > 0 ? ` (and ${more} more)` : ''
      return `sql: ${statement(action.statements[0])}${rest}`
    }
    case 'http':
      return request(action)
    case 'backup':
      return `backup to ${action.to}`
    case 'restore':
      return `restore ${action.file}`
    case 'load':
      return `load ${action.requests} × ${request(action.http)}`
    case 'script':
      return `script: ${action.file}`
    case 'manual':
      return `${action.role}: ${action.ask.trim().replaceAll(/\s+/g, ' ')}`
    case 'soak':
      return soakInShort(action)
  }
}

/** `watch web, login every 30s for 24h`. */
export function soakInShort(soak: Soak): string {
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
