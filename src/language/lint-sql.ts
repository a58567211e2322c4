/** Where in a statement a value may stand: as a bound parameter, never as a name and never in quotes. */
import { expressionsIn } from '../core/templates.ts'

export interface SqlFault {
  offset: number
  message: string
  hint: string
}

/** Words that a name follows, and no value. */
const BEFORE_NAMES =
  /\b(?:(?<!distinct\s+)from|join|into|update|table|column|index|view|schema|database|sequence|role|user|function|trigger|constraint|truncate|only|exists|as)\s*$/i

/** Statements in which PostgreSQL takes no parameters at all. */
const WITHOUT_VALUES =
  /^\s*(?:create|alter|drop|truncate|grant|revoke|comment|vacuum|analyze|reindex|cluster|set|reset|do|lock|listen|notify|copy|refresh)\b/i

/** What is wrong with the templates of a statement. */
export function sqlFaults(statement: string): SqlFault[] {
  const { expressions } = expressionsIn(statement)
  if (expressions.length === 0) return []
  const regions = regionsOf(statement)
  const faults: SqlFault[] = []
  const code = blanked(statement, regions)
  if (WITHOUT_VALUES.test(code)) {
    const word = code.trim().split(/\s+/)[0]?.toUpperCase() ?? ''
    const offset = statement.indexOf('${{')
    return [
      {
        offset,
        message: `PostgreSQL takes no values in a ${word} statement, and a name cannot be filled in`,
        hint: 'write the statement out',
      },
    ]
  }
  for (const { offset: inside } of expressions) {
    const offset = statement.lastIndexOf('${{', inside)
    const region = regions.find(({ start, end }) => offset > start && offset < end)
    const fault = region === undefined ? nameFault(statement, code, offset) : QUOTED[region.kind]
    if (fault !== undefined) faults.push({ offset, ...fault })
  }
  const second = /;\s*\S/.exec(code)
  if (second !== null && faults.length === 0) {
    faults.push({
      offset: second.index,
      message: 'statements with values are sent one at a time',
      hint: 'write a list of statements: they run in one transaction',
    })
  }
  return faults
}

type Kind = 'text' | 'name' | 'dollar' | 'comment'

const QUOTED: Record<Kind, { message: string; hint: string }> = {
  text: {
    message: 'a value inside quotes would be taken as that text',
    hint: "write it without the quotes: WHERE name = ${{ … }}; to join texts: 'a' || ${{ … }}",
  },
  name: {
    message: 'a name (of a table, a column, …) cannot be filled in; only values can',
    hint: 'write the name out, or use one statement for each name',
  },
  dollar: {
    message: 'a value inside a dollar-quoted text would be taken as that text',
    hint: 'take it out of the $$ … $$',
  },
  comment: { message: 'a value inside a comment has no effect', hint: 'remove it' },
}

function nameFault(statement: string, code: string, offset: number): SqlFault | undefined {
  const before = code.slice(0, offset)
  const after = statement.slice(offset).replace(/^\$\{\{[\s\S]*?\}\}/, '')
  const glued = /[\w."]$/.test(before) || /^[\w."]/.test(after)
  if (!glued && !BEFORE_NAMES.test(before)) return undefined
  return { offset, ...QUOTED.name }
}

interface Region {
  kind: Kind
  start: number
  end: number
}

function regionsOf(statement: string): Region[] {
  const form = /'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[\s\S]*?\*\/|\$(\w*)\$[\s\S]*?\$\1\$/g
  return [...statement.matchAll(form)].map((match) => {
    const [text] = match
    const kind = text.startsWith("'")
      ? 'text'
      : text.startsWith('"')
        ? 'name'
        : text.startsWith('$')
          ? 'dollar'
          : 'comment'
    return { kind, start: match.index, end: match.index + text.length }
  })
}

/** The statement with quoted texts, comments and templates made blank, of the same length. */
function blanked(statement: string, regions: Region[]): string {
  let code = statement
  for (const { kind, start, end } of regions) {
    const fill = kind === 'name' ? '"' : ' '
    code = code.slice(0, start) + fill.repeat(end - start) + code.slice(end)
  }
  return code.replace(/\$\{\{[\s\S]*?\}\}/g, (all) => ' '.repeat(all.length))
}
