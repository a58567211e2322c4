// npm run build: makes $RELEASES/$RELEASE.
import { join } from 'node:path'
import { buildRelease } from '../../../shared/build/release.ts'
import { partsOf, sourceIn } from './lockr.ts'

const { RELEASES: releases = '', RELEASE: version = '' } = process.env
if (releases === '' || !/^[a-z0-9][a-z0-9._-]{0,60}$/.test(version)) {
  process.stderr.write('RELEASES (the folder of releases) and RELEASE (a name) must be set\n')
  process.exit(2)
}
const source = sourceIn(join(import.meta.dirname, '..'))
await buildRelease(source, { out: join(releases, version), version, ...partsOf(version) })
process.stdout.write(`Build successful: ${version}\n`)
