// node scripts/verify-release.ts FOLDER: what is in a release folder, as JSON.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { lookAtRelease } from './release.ts'

const dir = process.argv[2]
if (dir === undefined) {
  process.stderr.write('usage: verify-release.ts FOLDER\n')
  process.exit(2)
}
// No folder is an answer (not built), not an error.
const look = existsSync(join(dir, 'manifest.json'))
  ? { there: true, ...lookAtRelease(dir) }
  : { there: false, version: '', routes: [], changed: [] }
process.stdout.write(JSON.stringify(look) + '\n')
