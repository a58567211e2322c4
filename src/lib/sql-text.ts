/** Cutting SQL text into statements, where each must be sent alone. */

/** What may hold a semicolon that ends nothing: comments, literals, quoted names, dollar quotes. */
const QUIET = [
  /--[^\n\r]*/y,
  /[eE]'(?:[^'\\]|\\[^]|'')*'/y,
  /'(?:[^']|'')*'/y,
  /"(?:[^"]|"")*"/y,
  /\$([A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$[^]*?\$\1\$/y,
]
const WORD = /[\w\u0080-\uffff$]+/y

/** The end of a comment that may hold comments. */
function commentEnd(text: string, from: number): number {
  let depth = 0
  for (let i = from; i < text.length; i += 1) {
    const two = text.slice(i, i + 2)
    if (two === '/*') depth += 1
    if (two === '*/') depth -= 1
    if (two === '/*' || two === '*/') i += 1
    if (depth === 0) return i + 1
  }
  return text.length
}

/** The end of what begins at `from` and is to be taken whole. */
function skip(text: string, from: number): number {
  if (text.startsWith('/*', from)) return commentEnd(text, from)
  for (const pattern of QUIET) {
    pattern.lastIndex = from
    const end = pattern.test(text) ? pattern.lastIndex : from
    if (end > from) return end
  }
  // A word is taken whole, so that the $ in a$b$ opens no dollar quote.
  WORD.lastIndex = from
  return WORD.test(text) ? WORD.lastIndex : from + 1
}

/** The words that open and close a body of SQL-standard functions: BEGIN ATOMIC … END. */
const ATOMIC = /^begin\s+atomic\b/i

/** The statements of a text, without empty ones and without their semicolons. */
export function splitStatements(text: string): string[] {
  const statements: string[] = []
  let start = 0
  let meaning = false
  let depth = 0
  const take = (end: number) => {
    if (meaning) statements.push(text.slice(start, end).trim())
    start = end + 1
    meaning = false
  }
  for (let i = 0; i < text.length;) {
    if (text[i] === ';' && depth === 0) {
      take(i)
      i += 1
      continue
    }
    const end = skip(text, i)
    const piece = text.slice(i, end)
    if (!/^(--|\/\*|\s)/.test(piece)) meaning = true
    if (ATOMIC.test(text.slice(i, i + 40)) || (depth > 0 && /^case$/i.test(piece))) depth += 1
    else if (depth > 0 && /^end$/i.test(piece)) depth -= 1
    i = end
  }
  take(text.length)
  return statements
}

/** Statements that a transaction takes back. DO and CALL are not among them: they may commit. */
const TAKEN_BACK =
  /^(?:select|insert|update|delete|merge|values|with|create|alter|drop|truncate|comment|grant|revoke|refresh|lock|set)$/i

/**
 * What, anywhere in a text, may last all the same: commands that are their own transactions, what goes
 * out of the database, sequences; and quotes that not every server reads alike.
 */
const LASTING =
  /\\'|\b(?:concurrently|copy|database|dblink\w*|lo_export|pg_\w*slot\w*|setval|subscription|system|tablespace)\b/i

/**
 * Whether nothing of a text that is sent whole can last when the server refuses a part of it: it ends
 * no transaction, and does nothing beside it. What is not known is taken to last.
 */
export function isTransactional(text: string): boolean {
  const first = splitStatements(text).map(firstWord)
  return !LASTING.test(text) && first.every((word) => TAKEN_BACK.test(word))
}

function firstWord(statement: string): string {
  for (let i = 0; i < statement.length;) {
    const end = skip(statement, i)
    const piece = statement.slice(i, end)
    if (/^\w/.test(piece)) return piece
    i = end
  }
  return ''
}
