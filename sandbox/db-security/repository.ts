// The repository of the source, and Heroku's, which builds and starts what is pushed to it.
import { chmodSync, cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import * as shared from '../shared/build/repository.ts'
import { PREVIOUS_VERSION, partsOf } from './app/scripts/lockr.ts'

const { commitVersion, git, writeKit, writeParts } = shared
const HERE = import.meta.dirname

/** Commits the source of a version, with the kit in it: what is pushed must be whole. */
function commit(folder: string, version: string): void {
  writeParts(join(HERE, 'app'), folder, ['src', 'package.json', 'Dockerfile'])
  const { previous = false, without = [], settings } = partsOf(version)
  const features = (of: string): string => join(folder, `src/features${of}.ts`)
  if (previous) cpSync(features('.previous'), features(''))
  // Healthy, and fails for users beyond the first ten of a hundred.
  if (version === 'flaky') cpSync(features('.flaky'), features(''))
  for (const name of [...without, 'src/features.previous.ts'])
    rmSync(join(folder, name), { recursive: true, force: true })
  writeKit(folder)
  writeFileSync(join(folder, 'settings.json'), JSON.stringify(settings) + '\n')
  commitVersion(folder, version)
  git(folder, 'tag', version)
}

/**
 * Makes both, once: `source` with a tag for each release, and `heroku.git` in which the previous one is main.
 * @param dir the machine's folder
 */
export function seedRepositories(dir: string): void {
  shared.seedRepositories(dir, 'main', ['heroku.git', 'source'], (at) => {
    const source = at('source')
    commit(source, PREVIOUS_VERSION)
    commit(source, '2.4.0')
    for (const version of ['broken', 'flaky']) {
      git(source, 'checkout', '--quiet', '-b', version, '2.4.0')
      commit(source, version)
    }
    git(source, 'checkout', '--quiet', 'main')
    git(source, 'push', '--quiet', at('heroku.git'), `${PREVIOUS_VERSION}^{commit}:refs/heads/main`)
  })
}

/** The hooks of the repository that is pushed to: the first builds, and refuses what does not; the other starts it. */
export function writeHooks(dir: string): void {
  for (const hook of ['pre-receive', 'post-receive']) {
    const file = join(dir, 'heroku.git/hooks', hook)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, `#!/bin/sh\nexec '${join(HERE, 'bin', hook)}' '${join(dir, 'releases')}'\n`)
    chmodSync(file, 0o755)
  }
}
