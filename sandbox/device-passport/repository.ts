// The repository of the source and the one it came from, with a tag for each release
// that can be deployed, and none yet for the one that serves.
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as shared from '../shared/build/repository.ts'

const { commitVersion, git, writeParts } = shared
const APP = join(import.meta.dirname, 'app')
const PARTS = [
  ...['apps', 'packages', 'docker', 'ops', 'releases', 'scripts', 'RELEASE-NOTES.md'],
  ...['package.json', 'pnpm-workspace.yaml', 'tsconfig.json', '.gitignore'],
]

/** Changes a file of a source: what is sought has to be in it. */
function change(folder: string, name: string, sought: RegExp, to: string): void {
  const file = join(folder, name)
  const text = readFileSync(file, 'utf8')
  if (!sought.test(text)) throw new Error(`${name} has no ${String(sought)}`)
  writeFileSync(file, text.replace(sought, to))
}

/** Commits the source of a version; the notes of each are its own. */
function commit(source: string, version: string, previous: string): void {
  writeParts(APP, source, PARTS)
  if (version === previous) change(source, 'RELEASE-NOTES.md', /^## v1\.1\.0$[^]*(?=^## )/m, '')
  else change(source, 'RELEASE-NOTES.md', /^## v1\.1\.0$/m, `## ${version}`)
  // It builds, and its tests find that it counts no devices.
  if (version === 'untested') change(source, 'apps/web/src/pages/home.ts', /'devices'/, "'count'")
  commitVersion(source, version)
}

/**
 * Makes both, once: `origin.git`, and `source`, which is at the previous release.
 * @param dir the machine's folder for them; what its programs share is linked beside it
 */
export function seedRepositories(dir: string, previous: string, releases: readonly string[]): void {
  mkdirSync(dir, { recursive: true })
  const link = join(dir, '../shared')
  if (!existsSync(link)) symlinkSync(join(import.meta.dirname, '../shared'), link)
  shared.seedRepositories(dir, 'master', ['origin.git', 'source'], (at) => {
    const source = at('source')
    commit(source, previous, previous)
    git(source, 'branch', 'previous')
    for (const version of releases) {
      commit(source, version, previous)
      git(source, 'tag', version)
    }
    git(source, 'remote', 'add', 'origin', '../origin.git')
    git(source, 'push', '--quiet', '--tags', 'origin', 'master')
    git(source, 'reset', '--quiet', '--hard', 'previous')
    git(source, 'branch', '--quiet', '--delete', 'previous')
  })
}
