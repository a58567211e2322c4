// A small linter for the rules this code relies on. Each finding names file and line.
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

interface Rule {
  what: string
  finds: (line: string) => boolean
}

const RULES: readonly Rule[] = [
  { what: 'console output: use the log', finds: (l) => /\bconsole\.\w+\(/.test(l) },
  { what: 'the type any', finds: (l) => /(:|<|\bas)\s*any\b/.test(l) },
  { what: 'eval or Function', finds: (l) => /\beval\(|new Function\(/.test(l) },
  { what: 'innerHTML: a way in for scripts', finds: (l) => /\.(inner|outer)HTML\b/.test(l) },
  // Only a constant, by convention in capitals, may stand inside a statement.
  {
    what: 'a value inside an SQL statement: bind it',
    finds: (l) => /\b(SELECT|INSERT|UPDATE|DELETE|WHERE)\b.*\$\{(?![A-Z_]+\})/.test(l),
  },
  {
    what: 'a loose comparison',
    finds: (l) => /[^=!]==[^=]|!=[^=]/.test(l.replace(/'[^']*'|`[^`]*`/g, '')),
  },
  { what: 'an unfinished note', finds: (l) => /\b(TODO|FIXME|XXX)\b/.test(l) },
  { what: 'white space at the end', finds: (l) => /\s$/.test(l) },
]

const root = join(import.meta.dirname, '..')
const files = ['src', 'prisma'].flatMap((dir) =>
  readdirSync(join(root, dir), { recursive: true, encoding: 'utf8' })
    .filter((f) => f.endsWith('.ts'))
    .map((f) => join(dir, f)),
)
let findings = 0
for (const file of files.sort()) {
  for (const [i, line] of readFileSync(join(root, file), 'utf8').split('\n').entries()) {
    for (const rule of RULES) {
      if (!rule.finds(line)) continue
      findings++
      process.stdout.write(`${file}:${i + 1}: ${rule.what}\n`)
    }
  }
}
process.stdout.write(
  findings === 0 ? `No linting errors in ${files.length} files\n` : `${findings} linting errors\n`,
)
process.exitCode = findings === 0 ? 0 : 1
