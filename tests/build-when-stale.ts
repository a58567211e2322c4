import { execFileSync } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'

/** Tests run the bundle as users get it; this builds it when a source is newer, and only then. */
export default function buildWhenStale(): void {
  const built = changed('dist/main.js')
  const sources = readdirSync('src', { recursive: true, encoding: 'utf8' })
  const newest = Math.max(
    ...['package.json', 'src', ...sources.map((f) => `src/${f}`)].map(changed),
  )
  if (built < newest) execFileSync('npm', ['run', '--silent', 'build'], { stdio: 'inherit' })
}

/** When a file was last changed; a folder counts too, since it changes when a file is removed. */
function changed(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
}
