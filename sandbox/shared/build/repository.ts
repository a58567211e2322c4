// Repositories of a sandbox's source. Commits are the same to the byte every time, on every
// machine: fixed author and time, and nothing of whoever started the sandbox.
import { execFileSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join, resolve } from 'node:path'

const KIT = resolve(import.meta.dirname, '../kit')

/** Runs git in a folder; gives what it printed. */
export function git(folder: string, ...args: string[]): string {
  const who = { NAME: 'Sandbox', EMAIL: 'sandbox@runbook.example', DATE: '2025-09-01T08:00:00Z' }
  const people = Object.entries(who).flatMap(([name, value]) => [
    [`GIT_AUTHOR_${name}`, value],
    [`GIT_COMMITTER_${name}`, value],
  ])
  return execFileSync('git', args, {
    cwd: folder,
    encoding: 'utf8',
    env: {
      PATH: process.env['PATH'],
      HOME: folder,
      GIT_CONFIG_NOSYSTEM: '1',
      ...Object.fromEntries(people),
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  }).trim()
}

/**
 * Makes repositories once, whole or not at all.
 * @param branch what HEAD of each is
 * @param make fills them; `at` gives the folder of one while it is made
 * @param names of folders, a bare repository where it ends in `.git`
 */
export function seedRepositories(
  dir: string,
  branch: string,
  names: readonly string[],
  make: (at: (name: string) => string) => void,
): void {
  const last = names.at(-1) ?? ''
  if (existsSync(join(dir, last))) return
  const at = (name: string): string => join(dir, name === last ? `.${name}` : name)
  for (const name of names) {
    rmSync(at(name), { recursive: true, force: true })
    mkdirSync(at(name), { recursive: true })
    const bare = name.endsWith('.git') ? ['--bare'] : []
    git(at(name), 'init', '--quiet', '--template=', ...bare, `--initial-branch=${branch}`)
  }
  make(at)
  renameSync(at(last), join(dir, last))
}

/** Commits all that is in a folder as a version, which its package.json says. */
export function commitVersion(folder: string, version: string): void {
  const file = join(folder, 'package.json')
  const pack = JSON.parse(readFileSync(file, 'utf8')) as object
  writeFileSync(file, JSON.stringify({ ...pack, version }, null, 2) + '\n')
  git(folder, 'add', '--all')
  git(folder, 'commit', '--quiet', '--message', `Release ${version}`)
}

/** Writes these parts of an app into a folder in place of what is there, git's own apart. */
export function writeParts(app: string, folder: string, parts: readonly string[]): void {
  for (const name of readdirSync(folder))
    if (name !== '.git') rmSync(join(folder, name), { recursive: true })
  for (const part of parts)
    if (existsSync(join(app, part)))
      cpSync(join(app, part), join(folder, part), { recursive: true })
}

/** Puts the kit into a source, with what its tests need, and has it import them from there: it is then whole. */
export function writeKit(folder: string): void {
  cpSync(KIT, join(folder, 'kit'), { recursive: true })
  const files = ['src', 'scripts', 'tests']
    .filter((part) => existsSync(join(folder, part)))
    .flatMap((part) =>
      readdirSync(join(folder, part), { recursive: true, encoding: 'utf8' }).map((name) =>
        join(part, name),
      ),
    )
  for (const name of files.filter((one) => one.endsWith('.ts'))) {
    const file = join(folder, name)
    const up = '../'.repeat(name.split('/').length - 1)
    const text = readFileSync(file, 'utf8')
    if (name.startsWith('tests/') && text.includes('shared/build/testing.ts'))
      cpSync(join(import.meta.dirname, 'testing.ts'), join(folder, 'kit/testing.ts'))
    writeFileSync(file, text.replace(/'(?:\.\.\/)+shared\/(?:kit|build)\//g, `'${up}kit/`))
  }
}
