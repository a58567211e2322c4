#!/usr/bin/env node
// The bin: argv in, exit code out. Everything else is imported only when it is needed, and nothing
// here may be newer than Node 20, which has to get as far as starting a newer one.
import { readFileSync } from 'node:fs'
import module from 'node:module'

void start(process.argv.slice(2))

async function start(argv: string[]): Promise<void> {
  if (argv[0] === '--version' || argv[0] === '-V') {
    const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
    process.stdout.write(`${(JSON.parse(text) as { version: string }).version}\n`)
    return
  }
  if (isOlderThan(22, 13)) {
    const { runWithNewerNode } = await import('./lib/newer-node.ts')
    await runWithNewerNode()
    return
  }
  module.enableCompileCache(compileCache())
  quietSqlite()
  process.once('beforeExit', unsettled)
  try {
    const { main } = await import('./cli/index.ts')
    process.exitCode = await main(argv)
  } catch (error) {
    process.stderr.write(`runbook: ${error instanceof Error ? error.stack : String(error)}\n`)
    process.exitCode = 1
  }
  process.off('beforeExit', unsettled)
}

/** Nothing is left that could bring the command to its end: Node would end in silence, and with 0. */
function unsettled(): void {
  process.exitCode = 1
  process.stderr.write(
    'runbook: nothing is left that could finish this command, which is a fault of runbook itself; what it did is in the record. Next: runbook status\n',
  )
}

function isOlderThan(major: number, minor: number): boolean {
  const [ours = 0, oursMinor = 0] = process.versions.node.split('.').map(Number)
  return ours < major || (ours === major && oursMinor < minor)
}

/** A place that outlives a reboot; without a home it is left to Node, which takes the temp folder. */
function compileCache(): string | undefined {
  const { XDG_CACHE_HOME, HOME } = process.env
  if (XDG_CACHE_HOME) return `${XDG_CACHE_HOME}/runbook`
  return HOME ? `${HOME}/.cache/runbook` : undefined
}

/** node:sqlite says on every start that it is experimental. That one warning is known; others are not. */
function quietSqlite(): void {
  const emitWarning = process.emitWarning.bind(process) as (...args: unknown[]) => void
  process.emitWarning = (warning: string | Error, ...rest: unknown[]) => {
    if (rest[0] === 'ExperimentalWarning' && String(warning).startsWith('SQLite')) return
    emitWarning(warning, ...rest)
  }
}
