// The repository of the source, and Heroku's, which builds and starts what is
// pushed to it. Commits are the same to the byte every time: fixed author and time.
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { PREVIOUS_VERSION, partsOf } from './app/scripts/lockr.ts'

const HERE = import.meta.dirname
const APP = join(HERE, 'app')
const KIT = resolve(HERE, '../shared/kit')
const SOURCE = ['src', 'package.json', 'Dockerfile']
const NOBODY = { NAME: 'Sandbox', EMAIL: 'sandbox@lockr.example', DATE: '2025-09-01T08:00:00Z' }

function git(folder: string, ...args: string[]): string {
  const people = Object.entries(NOBODY).flatMap(([name, value]) => [
    [`GIT_AUTHOR_${name}`, value],
    [`GIT_COMMITTER_${name}`, value],
  ])
  return execFileSync('git', args, {
    cwd: folder,
    encoding: 'utf8',
    // Nothing of whoever started the sandbox: neither settings nor hooks.
    env: {
      PATH: process.env['PATH'],
      HOME: folder,
      GIT_CONFIG_NOSYSTEM: '1',
      ...Object.fromEntries(people),
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  }).trim()
}

/** Writes the source of a version, with the kit in it: what is pushed must be whole. */
function writeTree(folder: string, version: string): void {
  for (const name of readdirSync(folder))
    if (name !== '.git') rmSync(join(folder, name), { recursive: true })
  for (const name of SOURCE)
    if (existsSync(join(APP, name)))
      cpSync(join(APP, name), join(folder, name), { recursive: true })
  cpSync(KIT, join(folder, 'kit'), { recursive: true })
  const { previous = false, without = [], settings } = partsOf(version)
  const features = (of: string): string => join(folder, `src/features${of}.ts`)
  if (previous) cpSync(features('.previous'), features(''))
  // Healthy, and fails for users beyond the first ten of a hundred.
  if (version === 'flaky') cpSync(features('.flaky'), features(''))
  for (const name of [...without, 'src/features.previous.ts'])
    rmSync(join(folder, name), { recursive: true, force: true })
  for (const name of readdirSync(join(folder, 'src'), { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.ts')) continue
    const file = join(folder, 'src', name)
    const up = '../'.repeat(name.split('/').length)
    const text = readFileSync(file, 'utf8')
    writeFileSync(file, text.replace(/'(?:\.\.\/)+shared\/kit\//g, `'${up}kit/`))
  }
  const pack = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as object
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ ...pack, version }, null, 2) + '\n')
  writeFileSync(join(folder, 'settings.json'), JSON.stringify(settings) + '\n')
}

function commit(source: string, version: string): void {
  writeTree(source, version)
  git(source, 'add', '--all')
  git(source, 'commit', '--quiet', '--message', `Release ${version}`)
  git(source, 'tag', version)
}

/**
 * Makes both, once: `source` with a tag for each release, and `heroku.git` in which the previous one is main.
 * @param dir the machine's folder
 */
export function seedRepositories(dir: string): void {
  const done = join(dir, 'source')
  if (existsSync(done)) return
  const [source, heroku] = [join(dir, '.source'), join(dir, 'heroku.git')]
  for (const folder of [source, heroku]) {
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder, { recursive: true })
  }
  git(source, 'init', '--quiet', '--initial-branch=main')
  commit(source, PREVIOUS_VERSION)
  commit(source, '2.4.0')
  for (const version of ['broken', 'flaky']) {
    git(source, 'checkout', '--quiet', '-b', version, '2.4.0')
    commit(source, version)
  }
  git(source, 'checkout', '--quiet', 'main')
  git(heroku, 'init', '--quiet', '--bare', '--initial-branch=main')
  git(source, 'push', '--quiet', heroku, `${PREVIOUS_VERSION}^{commit}:refs/heads/main`)
  renameSync(source, done)
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
