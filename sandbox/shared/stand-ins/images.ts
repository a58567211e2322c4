// Images, as docker and docker compose have them: each is a release folder; the
// registry is a list.
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fail, say } from './tool.ts'
import { type Memory, place, releaseOf, repositoryOf, units, withTag } from './world.ts'

/**
 * Makes an image of a folder. A release folder is what it is; source is built by its own
 * `scripts/build.ts`, as the release that the tag names.
 */
export function build(memory: Memory, context: string, tags: readonly string[]): void {
  if (tags.length === 0) fail(2, 'docker build: a tag is needed here (--tag)')
  const [first = ''] = tags.map(withTag)
  const release =
    releaseOf(context) ?? buildSource(context, first.slice(repositoryOf(first).length + 1))
  for (const tag of tags) {
    memory.images[withTag(tag)] = release
    say(`naming to ${withTag(tag)} done`)
  }
}

function buildSource(context: string, release: string): string {
  const script = join(context, 'scripts/build.ts')
  if (!existsSync(script))
    fail(1, `ERROR: ${context} is neither a release folder nor a source of one`)
  const releases = join(place(), 'releases')
  // As a build from the cache does it: a release that is there as it was built is not built again.
  if (releaseOf(join(releases, release)) === release) return release
  const { status } = spawnSync(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', 'scripts/build.ts'],
    {
      cwd: context,
      env: { ...process.env, RELEASES: releases, RELEASE: release },
      stdio: ['ignore', 'inherit', 'inherit'],
    },
  )
  return status === 0 ? release : fail(1, 'ERROR: the build failed')
}

export function tag(memory: Memory, from: string, to: string): void {
  memory.images[withTag(to)] =
    memory.images[withTag(from)] ??
    fail(1, `Error response from daemon: No such image: ${withTag(from)}`)
}

export function push(memory: Memory, image: string): void {
  memory.pushed[withTag(image)] =
    memory.images[withTag(image)] ??
    fail(1, `An image does not exist locally with the tag: ${repositoryOf(image)}`)
  say(`${withTag(image)}: pushed`)
}

export function pull(memory: Memory, image: string): void {
  memory.images[withTag(image)] =
    memory.pushed[withTag(image)] ??
    fail(1, `Error response from daemon: manifest for ${withTag(image)} not found`)
  say(`Status: Image is up to date for ${withTag(image)}`)
}

export function remove(memory: Memory, image: string, force: boolean): void {
  const name = withTag(image)
  if (memory.images[name] === undefined)
    fail(1, `Error response from daemon: No such image: ${name}`)
  const used = Object.entries(memory.containers).find(([, one]) => one.image === name)
  if (used !== undefined && !force)
    fail(
      1,
      `Error response from daemon: conflict: ${name} is used by container ${used[0]} (must force)`,
    )
  Reflect.deleteProperty(memory.images, name)
  say(`Untagged: ${name}`)
}

/** The release that an image is, pulled first where only the registry has it. */
export function releaseOfImage(memory: Memory, image: string): string {
  const name = withTag(image)
  memory.images[name] ??=
    memory.pushed[name] ?? fail(125, `docker: Error response from daemon: no such image: ${name}`)
  return memory.images[name]
}

export const newId = (): string => randomBytes(32).toString('hex')

/** What serves was started from some image and is some container, so both are here. */
export async function reconcile(memory: Memory): Promise<void> {
  for (const unit of await units()) {
    const name = memory.active[unit.id] === undefined ? unit.id : memory.active[unit.id]
    if (name == null) continue
    memory.active[unit.id] = name
    const known = memory.containers[name]
    const image =
      known !== undefined && memory.images[known.image] === unit.release
        ? known.image
        : `${unit.image}:${unit.release}`
    memory.images[image] = unit.release
    memory.containers[name] = { id: newId(), ports: [], ...known, unit: unit.id, image }
  }
}
