// Packages as pip has them: what a requirements.txt asks for lies in a folder, linked to
// where it is installed on this machine; nothing is downloaded.
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { packageFolder } from '../../shared/build/release.ts'

export interface Package {
  name: string
  version: string
}

/** The version of the package in a folder; undefined where there is none. */
function versionIn(folder: string): string | undefined {
  const file = join(folder, 'package.json')
  if (!existsSync(file)) return undefined
  return (JSON.parse(readFileSync(file, 'utf8')) as Package).version
}

/** The version that this machine can give; undefined where it has none. */
export function versionHere(name: string): string | undefined {
  try {
    return versionIn(packageFolder(name))
  } catch {
    return undefined
  }
}

/** The lines of a requirements.txt: `name==version` each, or a comment. */
export function requirementsIn(file: string): Package[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .map((line) => line.replace(/#.*/, '').trim())
    .filter((line) => line !== '')
    .map((line) => {
      const [, name, version] = /^([\w@/.-]+)==([\w.-]+)$/.exec(line) ?? []
      if (name === undefined || version === undefined)
        throw new Error(`Invalid requirement: '${line}'`)
      return { name, version }
    })
}

/** What of these is not in the folder as it is asked for. */
export const missingIn = (target: string, wanted: readonly Package[]): Package[] =>
  wanted.filter(({ name, version }) => versionIn(join(target, name)) !== version)

/** All of them or, where one cannot be had, none; throws then. */
export function install(target: string, wanted: readonly Package[]): void {
  for (const { name, version } of wanted) {
    const here = versionHere(name)
    if (here !== version)
      throw new Error(
        `Could not find a version that satisfies the requirement ${name}==${version} (from versions: ${here ?? 'none'})`,
      )
  }
  for (const { name } of wanted) {
    const link = join(target, name)
    mkdirSync(dirname(link), { recursive: true })
    rmSync(link, { recursive: true, force: true })
    symlinkSync(packageFolder(name), link)
  }
}

export function installedIn(target: string): Package[] {
  const names = existsSync(target) ? readdirSync(target).sort() : []
  return names.map((name) => ({ name, version: versionIn(join(target, name)) ?? '' }))
}
