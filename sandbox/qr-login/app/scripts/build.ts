// npm run build               makes $RELEASES/$RELEASE
// npm run build -- --check    makes a release in a folder of its own and removes it
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildRelease } from './release.ts'

const source = join(import.meta.dirname, '..')
const version = process.env['RELEASE'] ?? 'check'
if (!/^[a-z0-9][a-z0-9._-]{0,60}$/.test(version)) {
  process.stderr.write('RELEASE may have small letters, digits and . _ - only\n')
  process.exit(2)
}

// A release may carry settings of its own: `releases/<version>.json`.
const own = join(source, 'releases', `${version}.json`)
const settings = JSON.parse(
  readFileSync(existsSync(own) ? own : join(source, 'releases/default.json'), 'utf8'),
) as { tables: string[] }

if (process.argv[2] === '--check') {
  const dir = mkdtempSync(join(tmpdir(), 'hotel-build-'))
  try {
    await buildRelease({ source, out: join(dir, version), version, tables: settings.tables })
    process.stdout.write('Build successful (checked, not kept)\n')
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
} else {
  const releases = process.env['RELEASES']
  if (releases === undefined || releases === '' || process.env['RELEASE'] === undefined) {
    process.stderr.write(
      'RELEASES (the folder of releases) and RELEASE (the name of this one) must be set\n',
    )
    process.exit(2)
  }
  try {
    await buildRelease({ source, out: join(releases, version), version, tables: settings.tables })
    process.stdout.write(`Build successful: ${version}\n`)
  } catch (error) {
    process.stderr.write(`Build failed: ${(error as Error).message}\n`)
    process.exitCode = 1
  }
}
