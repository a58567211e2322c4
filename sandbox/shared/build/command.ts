// The programs behind an app's `npm run build` and `scripts/verify-release.ts`.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Source, buildRelease, lookAtRelease } from './release.ts'

/** A release may carry settings of its own: `releases/<version>.json` of the source; `broken.json` does. */
function settingsOf(root: string, version: string): Record<string, unknown> {
  const own = join(root, 'releases', `${version}.json`)
  const file = existsSync(own) ? own : join(root, 'releases/default.json')
  return JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>
}

function stop(code: number, message: string): never {
  process.stderr.write(`${message}\n`)
  process.exit(code)
}

/** Makes `$RELEASES/$RELEASE`; with --check a release in a folder of its own, which it removes. */
export async function buildCommand(source: Source): Promise<void> {
  const version = process.env['RELEASE'] ?? 'check'
  if (!/^[a-z0-9][a-z0-9._-]{0,60}$/.test(version))
    stop(2, 'RELEASE may have small letters, digits and . _ - only')
  const settings = settingsOf(source.root, version)
  if (process.argv[2] === '--check') {
    const dir = mkdtempSync(join(tmpdir(), 'build-'))
    try {
      await buildRelease(source, { out: join(dir, version), version, settings })
      process.stdout.write('Build successful (checked, not kept)\n')
    } finally {
      rmSync(dir, { recursive: true, force: true })
    }
    return
  }
  const releases = process.env['RELEASES']
  if (releases === undefined || releases === '' || process.env['RELEASE'] === undefined)
    return stop(
      2,
      'RELEASES (the folder of releases) and RELEASE (the name of this one) must be set',
    )
  try {
    await buildRelease(source, { out: join(releases, version), version, settings })
    process.stdout.write(`Build successful: ${version}\n`)
  } catch (error) {
    stop(1, `Build failed: ${(error as Error).message}`)
  }
}

/** Says as JSON what is in the release folder that the first argument names. No folder is an answer too. */
export function verifyCommand(): void {
  const [, , dir] = process.argv
  if (dir === undefined) return stop(2, 'usage: verify-release.ts FOLDER')
  process.stdout.write(JSON.stringify(lookAtRelease(dir)) + '\n')
}
