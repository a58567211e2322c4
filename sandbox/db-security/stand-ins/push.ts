// What both hooks read: `<old> <new> <ref>` on standard input, a line each.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** The commit that main becomes; undefined when the push is of something else. */
export function pushed(): string | undefined {
  const lines = readFileSync(0, 'utf8').split('\n')
  const line = lines.map((one) => one.split(' ')).find(([, , ref]) => ref === 'refs/heads/main')
  return line?.[1]
}

export function versionOf(commit: string): string {
  const text = execFileSync('git', ['show', `${commit}:package.json`], { encoding: 'utf8' })
  return (JSON.parse(text) as { version: string }).version
}
