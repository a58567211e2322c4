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

/** Looks at all TypeScript in these folders of an app, prints its findings and sets the exit code. */
export function lint(root: string, folders: readonly string[]): void {
  const files = folders.flatMap((dir) =>
    readdirSync(join(root, dir), { recursive: true, encoding: 'utf8' })
      .filter((f) => f.endsWith('.ts'))
      .map((f) => join(dir, f)),
  )
  const findings = files.sort().flatMap((file) =>
    readFileSync(join(root, file), 'utf8')
      .split('\n')
      .flatMap((line, i) =>
        RULES.filter((rule) => rule.finds(line)).map((rule) => `${file}:${i + 1}: ${rule.what}`),
      ),
  )
  for (const finding of findings) process.stdout.write(`${finding}\n`)
  process.stdout.write(
    findings.length === 0
      ? `No linting errors in ${files.length} files\n`
      : `${findings.length} linting errors\n`,
  )
  process.exitCode = findings.length === 0 ? 0 : 1
}
