// Links in the folder of releases: which release is the one in use.
import { existsSync, readlinkSync, realpathSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { basename, join } from 'node:path'

/** The release a link names; undefined where there is no link. */
export function linked(dir: string, link: string): string | undefined {
  try {
    return basename(readlinkSync(join(dir, 'releases', link)))
  } catch {
    return undefined
  }
}

/** The folder itself, not the link: a process goes on from its own files after a switch. */
export function folderOf(dir: string, name: string): string | undefined {
  try {
    return realpathSync(join(dir, 'releases', name))
  } catch {
    return undefined
  }
}

/** Points a link to a release, in one move. False when there is no such release. */
export function pointTo(dir: string, link: string, release: string): boolean {
  const releases = join(dir, 'releases')
  if (!existsSync(join(releases, release))) return false
  const next = join(releases, `${link}.new`)
  rmSync(next, { force: true })
  symlinkSync(release, next)
  renameSync(next, join(releases, link))
  return true
}
