/**
 * Foreign text in Markdown (GitHub's): it stays text, whatever is in it. No title and no output can
 * begin a heading, a cell, a link or an element.
 */
import { clean, cleanLine } from '../lib/clean.ts'
import { PLAIN } from '../lib/terminal.ts'

/** A log of a CI system that shows it must find no commands in it either. */
const FILE = { ...PLAIN, ci: true }

/** On one line, as plain text. */
export function text(foreign: string): string {
  const line = cleanLine(foreign, FILE)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll(/[\\`*_[\]|~]/g, '\\$&')
  // What would begin a list, a heading, a rule or a table's second line.
  return line
    .replace(/^(#{1,6}|[-+]|-+|=+)(?=\s|$)/, '\\$1')
    .replace(/^(\d+)([.)])(?=\s|$)/, '$1\\$2')
}

/** On one line, as code; also in the cell of a table, where a bar would end it. */
export function code(foreign: string): string {
  const line = cleanLine(foreign, FILE)
  if (line === '') return ''
  const fence = '`'.repeat(longestRun(line) + 1)
  const pad = /^`|`$|^ .* $/.test(line) ? ' ' : ''
  return `${fence}${pad}${line.replaceAll('|', '\\|')}${pad}${fence}`
}

/** Several lines as they are, indented by so many spaces. */
export function block(foreign: string, indent = 0): string {
  const shown = clean(foreign, FILE).trimEnd()
  const fence = '`'.repeat(Math.max(3, longestRun(shown) + 1))
  return [`${fence}text`, ...shown.split('\n'), fence]
    .map((line) => `${' '.repeat(indent)}${line}`)
    .join('\n')
}

function longestRun(text: string): number {
  return Math.max(0, ...[...text.matchAll(/`+/g)].map(([run]) => run.length))
}

/** A table; its cells are Markdown already. Nothing when there are no rows. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  if (rows.length === 0) return []
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line), '']
}
