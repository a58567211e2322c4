// Starts what was pushed, by the stand-in for heroku.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { pushed, versionOf } from './push.ts'

const [, , releases = ''] = process.argv
const commit = pushed()
if (commit !== undefined) {
  const heroku = join(import.meta.dirname, '../../shared/bin/heroku')
  const folder = join(releases, versionOf(commit))
  const args = ['sandbox:release', folder, '--app', 'lockr']
  const { status } = spawnSync(heroku, args, {
    stdio: 'inherit',
    env: { ...process.env, RELEASES: releases },
  })
  process.exitCode = status ?? 1
}
