// The repository of the source and the one it came from, with a tag for each release
// that can be deployed, and none yet for the one that serves. Commits are the same to
// the byte every time: fixed author and time.
import { execFileSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'

const APP = join(import.meta.dirname, 'app')
const PARTS = ['apps', 'packages', 'docker', 'package.json', 'pnpm-workspace.yaml', '.gitignore']
const WHO = {
  NAME: 'Sandbox',
  EMAIL: 'sandbox@device-passport.example',
  DATE: '2025-09-01T08:00:00Z',
}

function git(folder: string, ...args: string[]): void {
  const people = Object.entries(WHO).flatMap(([name, value]) => [
    [`GIT_AUTHOR_${name}`, value],
    [`GIT_COMMITTER_${name}`, value],
  ])
  execFileSync('git', args, {
    cwd: folder,
    // Nothing of whoever started the sandbox: neither settings nor hooks.
    env: {
      PATH: process.env['PATH'],
      HOME: folder,
      GIT_CONFIG_NOSYSTEM: '1',
      ...Object.fromEntries(people),
    },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
}

function commit(source: string, version: string): void {
  const pack = JSON.parse(readFileSync(join(APP, 'package.json'), 'utf8')) as object
  writeFileSync(join(source, 'package.json'), JSON.stringify({ ...pack, version }, null, 2) + '\n')
  git(source, 'add', '--all')
  git(source, 'commit', '--quiet', '--message', `Release ${version}`)
}

/**
 * Makes both, once: `origin.git`, and `source`, which is at the previous release.
 * @param dir the machine's folder
 */
export function seedRepositories(dir: string, previous: string, releases: readonly string[]): void {
  const done = join(dir, 'source')
  if (existsSync(done)) return
  const [source, origin] = [join(dir, '.source'), join(dir, 'origin.git')]
  for (const folder of [source, origin]) {
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder, { recursive: true })
  }
  git(origin, 'init', '--quiet', '--bare', '--initial-branch=master')
  git(source, 'init', '--quiet', '--initial-branch=master')
  for (const part of PARTS) cpSync(join(APP, part), join(source, part), { recursive: true })
  commit(source, previous)
  git(source, 'branch', 'previous')
  for (const version of releases) {
    commit(source, version)
    git(source, 'tag', version)
  }
  git(source, 'remote', 'add', 'origin', '../origin.git')
  git(source, 'push', '--quiet', '--tags', 'origin', 'master')
  git(source, 'reset', '--quiet', '--hard', 'previous')
  git(source, 'branch', '--quiet', '--delete', 'previous')
  renameSync(source, done)
}
