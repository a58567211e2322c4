/** What went wrong in an expression, in words for people who do not know CEL's type system. */
import { didYouMean } from './problems.ts'

const TYPE_WORDS: Record<string, string> = {
  int: 'a whole number',
  uint: 'a whole number',
  double: 'a number',
  string: 'text',
  bool: 'true or false',
  bytes: 'bytes',
  list: 'a list',
  map: 'a map',
  null: 'null',
  null_type: 'null',
  dyn: 'a value',
  type: 'a type',
  'google.protobuf.Timestamp': 'a time',
  'google.protobuf.Duration': 'a duration',
}

/** The functions and macros of expressions. */
const FUNCTIONS = [
  'all', 'bool', 'contains', 'double', 'duration', 'dyn', 'endsWith', 'exists', 'exists_one',
  'filter', 'getDate', 'getDayOfWeek', 'getFullYear', 'getHours', 'getMilliseconds', 'getMinutes',
  'getMonth', 'getSeconds', 'has', 'indexOf', 'int', 'join', 'lastIndexOf', 'lowerAscii', 'map',
  'matches', 'size', 'split', 'startsWith', 'string', 'substring', 'timestamp', 'trim', 'type',
  'upperAscii',
] // prettier-ignore

/** `int` -> "a whole number", `dyn<list<string>>` -> "a list". */
export function typeWord(type: string): string {
  const bare = type.startsWith('dyn<') ? type.slice(4, -1) : type
  return TYPE_WORDS[bare] ?? TYPE_WORDS[bare.replace(/<.*$/s, '')] ?? bare
}

const TOKENS: Record<string, string> = {
  EOF: 'the end',
  QUESTION: '"?"',
  COLON: '":"',
  IDENTIFIER: 'a name',
  NUMBER: 'a number',
  STRING: 'a text',
  COMMA: '","',
  DOT: '"."',
  LPAREN: '"("',
  RPAREN: '")"',
  LBRACKET: '"["',
  RBRACKET: '"]"',
  LBRACE: '"{"',
  RBRACE: '"}"',
  ASSIGN: '"="',
  IN: '"in"',
}

const token = (name: string): string => TOKENS[name] ?? name.toLowerCase()

/** One sentence for an error of the expression library, without the final full stop. */
export function plainMessage(summary: string): string {
  const operator = /^no such overload: (.+?) (==|!=|<=|>=|in|[-+*/%<>]) (.+)$/.exec(summary)
  if (operator !== null) {
    const [, left = '', op = '', right = ''] = operator
    const verb = /[=<>]/.test(op) ? 'compares' : 'works on'
    return `"${op}" ${verb} two of a kind, here ${typeWord(left)} and ${typeWord(right)} meet`
  }
  const unary = /^no such overload: ([-!])(.+)$/.exec(summary)
  if (unary !== null) return `"${unary[1]}" does not take ${typeWord(unary[2] ?? '')}`
  const call = /^found no matching overload for '(?:(.+)\.)?(\w+)\((.*)\)'$/s.exec(summary)
  if (call !== null) return callMessage(call[1], call[2] ?? '', call[3] ?? '')
  const unexpected = /^Unexpected token: (\w+)$/.exec(summary)
  if (unexpected !== null) return `the expression breaks off at ${token(unexpected[1] ?? '')}`
  const expected = /^Expected (\w+), got (\w+)$/.exec(summary)
  if (expected !== null) {
    return `expected ${token(expected[1] ?? '')}, found ${token(expected[2] ?? '')}`
  }
  if (/^Unterminated/.test(summary)) return 'a quoted text is not closed'
  const index = /^Cannot index type '(.+)'$/.exec(summary)
  if (index !== null)
    return `${typeWord(index[1] ?? '')} has no parts: [ ] and . are for lists and maps`
  if (/^List index must be int/.test(summary)) return 'a list is asked by number, as in rows[0]'
  if (/^Exceeded max/.test(summary)) return 'the expression is too long or too deeply nested'
  const character = /^Unexpected character: (.)$/s.exec(summary)
  if (character !== null) {
    const [, char = ''] = character
    const doubled = '=&|'.includes(char) ? `; did you mean "${char}${char}"?` : ''
    return `"${char}" has no meaning here${doubled}`
  }
  return summary
    .replace('Ternary condition must be bool', 'what stands before "?" must be true or false')
    .replace('Logical operator requires bool operands', '"&&" and "||" join true or false')
    .replace(/'((?:dyn<)?[\w.]+(?:<[^']*>)?)'/g, (_, type: string) => typeWord(type))
    .replace(/^(.)/, (first) => first.toLowerCase())
}

function callMessage(receiver: string | undefined, name: string, args: string): string {
  if (!FUNCTIONS.includes(name)) {
    const near = didYouMean(name, FUNCTIONS)
    return `there is no function ${name}()${near === undefined ? '' : `; ${near}`}`
  }
  const given = args === '' ? 'nothing' : splitTypes(args).map(typeWord).join(' and ')
  if (receiver === undefined) return `${name}() does not take ${given}`
  return `${name}() of ${typeWord(receiver)} does not take ${given}`
}

/** `map<string, int>, string` -> its two types. */
function splitTypes(list: string): string[] {
  const types: string[] = []
  let depth = 0
  let current = ''
  for (const char of list) {
    if (char === '<') depth++
    if (char === '>') depth--
    if (char === ',' && depth === 0) {
      types.push(current.trim())
      current = ''
    } else current += char
  }
  return [...types, current.trim()]
}
