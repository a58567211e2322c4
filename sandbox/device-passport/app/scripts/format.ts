// pnpm format writes files as Prettier has them, so it always succeeds; with --check
// it changes nothing and fails where a file is otherwise.
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { check, format } from 'prettier'

const root = join(import.meta.dirname, '..')
const files = globSync('{apps,packages,scripts}/**/*.{ts,json}', { cwd: root })
const wrong: string[] = []
for (const name of files) {
  const file = join(root, name)
  const text = readFileSync(file, 'utf8')
  const options = { filepath: file, semi: false, singleQuote: true, printWidth: 100 }
  if (await check(text, options)) continue
  wrong.push(name)
  if (process.argv[2] !== '--check') writeFileSync(file, await format(text, options))
}
for (const name of wrong) process.stdout.write(`${name}\n`)
const checking = process.argv[2] === '--check'
process.stdout.write(
  wrong.length === 0
    ? `All ${files.length} files formatted\n`
    : `${wrong.length} files ${checking ? 'are not formatted' : 'written'}\n`,
)
process.exitCode = checking && wrong.length > 0 ? 1 : 0
