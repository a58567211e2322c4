// The repository that a checkout on the machine comes from, and the checkout. On `main` are
// the release that serves, one that is not healthy, and the one that mends it; a branch is
// there that nobody merged. Each has a tag, and is a release as it is, but for its packages.
import { cpSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  commitVersion,
  git,
  seedRepositories,
  writeKit,
  writeParts,
} from '../shared/build/repository.ts'
import { install, requirementsIn, versionHere } from './stand-ins/packages.ts'

const APP = join(import.meta.dirname, 'app')
const PARTS = [
  ...['src', 'scripts', 'tests', 'alembic', 'alembic.ini', 'package.json'],
  ...['Dockerfile', 'docker-compose.prod.yml'],
]
export const PREVIOUS = '1.0.0'
/** What the previous release has not. */
const WITHOUT = [
  'src/admin.ts',
  'tests',
  'alembic/versions/7b4280a50047_add_localid_and_fix_role_default.sql',
]
const PACKAGES = ['jose', 'openid-client', 'pg', 'zod']

/** Where the source has `a.previous.ts`, that is `a.ts` of the previous release. */
function choose(folder: string, previous: boolean): void {
  for (const name of readdirSync(folder).filter((one) => one.includes('.previous.'))) {
    const file = join(folder, name)
    if (previous) cpSync(file, file.replace('.previous', ''))
    rmSync(file)
  }
}

function write(folder: string, version: string): void {
  const previous = version === PREVIOUS
  writeParts(APP, folder, PARTS)
  choose(join(folder, 'src'), previous)
  for (const name of previous ? WITHOUT : []) rmSync(join(folder, name), { recursive: true })
  writeKit(folder)
  const put = (name: string, lines: readonly string[]): void =>
    writeFileSync(join(folder, name), lines.map((line) => `${line}\n`).join(''))
  const packages = PACKAGES.filter((name) => !previous || name !== 'zod')
  put(
    'requirements.txt',
    packages.map((name) => `${name}==${versionHere(name)}`),
  )
  // It starts, and is not healthy: no revision makes the second table.
  const tables = version === 'broken' ? ['users', 'login_audit'] : ['users']
  put('release.json', [JSON.stringify({ version, tables })])
  put('.gitignore', ['/vendor/', '__pycache__/', '.pytest_cache/'])
  // Where Node looks for what pip installs.
  symlinkSync('vendor', join(folder, 'node_modules'))
}

function release(folder: string, version: string): void {
  write(folder, version)
  commitVersion(folder, version)
  git(folder, 'tag', version)
}

/**
 * Makes both, once: `origin.git`, and `backend`, which has not fetched since the previous release.
 * @param dir the machine's folder
 */
export function seedCheckout(dir: string): void {
  seedRepositories(dir, 'main', ['origin.git', 'backend'], (at) => {
    const work = at('backend')
    const later = ['broken', '1.1.0']
    for (const version of [PREVIOUS, ...later]) release(work, version)
    git(work, 'checkout', '--quiet', '-b', 'feature/unmerged')
    release(work, 'unmerged')
    git(work, 'push', '--quiet', '../origin.git', 'refs/heads/*', 'refs/tags/*')
    // Back to what it knew then.
    git(work, 'checkout', '--quiet', '-B', 'main', PREVIOUS)
    git(work, 'tag', '--delete', ...later, 'unmerged')
    git(work, 'branch', '--quiet', '--delete', '--force', 'feature/unmerged')
    git(work, 'remote', 'add', 'origin', '../origin.git')
    git(work, 'update-ref', 'refs/remotes/origin/main', PREVIOUS)
    git(work, 'branch', '--quiet', '--set-upstream-to', 'origin/main')
  })
}

/** The folder of a release that the checkout knows, with its packages. */
export function makeRelease(checkout: string, version: string, out: string): void {
  git(checkout, 'worktree', 'add', '--quiet', '--detach', out, version)
  install(join(out, 'vendor'), requirementsIn(join(out, 'requirements.txt')))
}
