// Builds what is pushed; a push of what does not build is refused.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pushed, versionOf } from './push.ts'

const [, , releases = ''] = process.argv
const commit = pushed()
if (commit !== undefined) {
  const version = versionOf(commit)
  const out = join(releases, version)
  // What was built once is kept, as slugs are.
  if (!existsSync(out)) {
    const { buildRelease } = await import('../../shared/build/release.ts')
    const { sourceIn } = await import('../app/scripts/lockr.ts')
    const work = mkdtempSync(join(tmpdir(), 'lockr-push-'))
    try {
      const tree = execFileSync('git', ['archive', commit], { maxBuffer: 64 * 1024 * 1024 })
      execFileSync('tar', ['-x', '-C', work], { input: tree })
      const settings = JSON.parse(readFileSync(join(work, 'settings.json'), 'utf8')) as Record<
        string,
        unknown
      >
      const source = { ...sourceIn(work), folders: ['src', 'kit'] }
      await buildRelease(source, { out, version, settings })
    } catch (error) {
      process.stderr.write(`Build failed: ${(error as Error).message}\n`)
      process.exit(1)
    } finally {
      rmSync(work, { recursive: true, force: true })
    }
  }
  process.stdout.write(`Build succeeded: ${version}\n`)
}
