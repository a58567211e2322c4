// The repository of the source and the one it came from, with a tag for each release
// that can be deployed, and none yet for the one that serves.
import { join } from 'node:path'
import * as shared from '../shared/build/repository.ts'

const { commitVersion, git, writeParts } = shared
const APP = join(import.meta.dirname, 'app')
const PARTS = ['apps', 'packages', 'docker', 'package.json', 'pnpm-workspace.yaml', '.gitignore']

/**
 * Makes both, once: `origin.git`, and `source`, which is at the previous release.
 * @param dir the machine's folder
 */
export function seedRepositories(dir: string, previous: string, releases: readonly string[]): void {
  shared.seedRepositories(dir, 'master', ['origin.git', 'source'], (at) => {
    const source = at('source')
    writeParts(APP, source, PARTS)
    commitVersion(source, previous)
    git(source, 'branch', 'previous')
    for (const version of releases) {
      commitVersion(source, version)
      git(source, 'tag', version)
    }
    git(source, 'remote', 'add', 'origin', '../origin.git')
    git(source, 'push', '--quiet', '--tags', 'origin', 'master')
    git(source, 'reset', '--quiet', '--hard', 'previous')
    git(source, 'branch', '--quiet', '--delete', 'previous')
  })
}
