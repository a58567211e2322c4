/**
 * The process in which a script runs: `node script-host.mjs <module> <arguments> <result>`. zx is in
 * its globals; its default export is called with the arguments; what it returns becomes the result.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import 'zx/globals'

const [module = '', given = '', result = ''] = process.argv.slice(2)

/** @param {unknown} value */
const plain = (value) =>
  JSON.stringify(value ?? null, (_key, part) =>
    typeof part !== 'bigint' ? /** @type {unknown} */ (part) : Number(part),
  )

try {
  /** @type {unknown} */
  const loaded = await import(pathToFileURL(module).href)
  const { default: main } = /** @type {{ default?: unknown }} */ (loaded)
  if (typeof main !== 'function') throw new Error('its default export must be a function')
  const act = /** @type {(args: unknown) => unknown} */ (main)
  const value = await act(JSON.parse(readFileSync(given, 'utf8')))
  writeFileSync(`${result}.tmp`, plain(value), { mode: 0o600 })
  renameSync(`${result}.tmp`, result)
} catch (error) {
  // A command of the script that could not be run is not the script's own verdict.
  const code = error instanceof ProcessOutput ? (error.exitCode ?? 1) : 1
  process.stderr.write(
    `${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  )
  process.exit(code === 126 || code === 127 ? code : 1)
}
