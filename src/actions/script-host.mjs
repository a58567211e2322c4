/**
 * The process in which a script runs: `node script-host.mjs <module> <arguments> <result>`. zx is in
 * its globals; its default export is called with the arguments; what it returns becomes the result.
 * Most scripts are short checks, and reading zx takes longer than they do: it waits until it is used.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import * as modules from 'node:module'
import { pathToFileURL } from 'node:url'

const [file = '', given = '', result = ''] = process.argv.slice(2)

/** @param {unknown} value */
const plain = (value) =>
  JSON.stringify(value ?? null, (_key, part) =>
    typeof part !== 'bigint' ? /** @type {unknown} */ (part) : Number(part),
  )

/**
 * A package that is not to be found from where the script runs is looked for where we are: zx and
 * the packages of the tool are there for every script, wherever the tool is installed.
 */
function lendPackages() {
  const isPackage = /^(?![./]|[a-z]+:)/
  // Until 22.15 Node has only hooks in a thread of their own.
  if (/** @type {unknown} */ (modules.registerHooks) === undefined) {
    modules.register(
      `data:text/javascript,${encodeURIComponent(`
        export const resolve = (name, context, next) => next(name, context).catch((error) => {
          if (!${isPackage}.test(name)) throw error
          return next(name, { ...context, parentURL: ${JSON.stringify(import.meta.url)} })
        })`)}`,
    )
    return
  }
  modules.registerHooks({
    resolve: (name, context, next) => {
      try {
        return next(name, context)
      } catch (error) {
        if (!isPackage.test(name)) throw error
        return next(name, { ...context, parentURL: import.meta.url })
      }
    },
  })
}

/** What zx has, but for `fetch`, which is Node's own. */
const ZX =
  `$ Fail ProcessOutput ProcessPromise VERSION YAML argv bus cd chalk defaults dotenv echo expBackoff fs
  glob globby kill log minimist nothrow os parseArgv path ps question quiet quote quotePowerShell
  resolveDefaults retry sleep spinner stdin syncProcessCwd tempdir tempfile tmpdir tmpfile updateArgv useBash
  usePowerShell usePwsh version versions which within`.split(/\s+/)

/** @type {(name: string) => unknown} */
const read = modules.createRequire(import.meta.url)

function lendZx() {
  for (const name of ZX)
    Object.defineProperty(globalThis, name, {
      configurable: true,
      get: () => /** @type {Record<string, unknown>} */ (read('zx'))[name],
      set(value) {
        Object.defineProperty(globalThis, name, { value, writable: true, configurable: true })
      },
    })
}

try {
  lendPackages()
  lendZx()
  /** @type {unknown} */
  const loaded = await import(pathToFileURL(file).href)
  const { default: main } = /** @type {{ default?: unknown }} */ (loaded)
  if (typeof main !== 'function') throw new Error('its default export must be a function')
  const act = /** @type {(args: unknown) => unknown} */ (main)
  const value = await act(JSON.parse(readFileSync(given, 'utf8')))
  writeFileSync(`${result}.tmp`, plain(value), { mode: 0o600 })
  renameSync(`${result}.tmp`, result)
} catch (error) {
  // A command of the script that could not be run is not the script's own verdict.
  const code = error instanceof Error && 'exitCode' in error ? error.exitCode : 1
  process.stderr.write(
    `${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  )
  process.exit(code === 126 || code === 127 ? code : 1)
}
