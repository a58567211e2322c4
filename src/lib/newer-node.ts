import { spawn } from 'node:child_process'
import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { createRequire } from 'node:module'
import { constants } from 'node:os'
import { join } from 'node:path'

// Runs on the machine's own Node, which may be 20: nothing newer here, and nothing but built-ins.

/** Runs this very command with the Node that the package `node` brings, and ends as it ends. */
export async function runWithNewerNode(): Promise<void> {
  const node = findNode()
  if (node === undefined) {
    process.stderr.write(
      `runbook: needs Node 22.13 or newer, this is ${process.versions.node}; ` +
        'install one, or `npm install node@24` beside runbook\n',
    )
    process.exitCode = 2
    return
  }
  const child = spawn(node, [...process.execArgv, ...process.argv.slice(1)], { stdio: 'inherit' })
  for (const signal of forwarded) {
    process.on(signal, () => {
      if (!sentByTerminal(signal)) child.kill(signal)
    })
  }
  await new Promise<void>((resolve) => {
    child.on('error', (error) => {
      process.stderr.write(`runbook: cannot start ${node}: ${error.message}\n`)
      process.exitCode = 2
      resolve()
    })
    child.on('exit', (code, signal) => {
      for (const name of forwarded) process.removeAllListeners(name)
      if (signal === null) process.exitCode = code ?? 1
      else endBy(signal)
      resolve()
    })
  })
}

const forwarded = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2'] as const

/**
 * The terminal gives its signals to both of us, and a second one could mean "now, at once". A signal
 * does not say who sent it; while we are in a terminal's foreground it is taken to be the terminal's.
 */
function sentByTerminal(signal: NodeJS.Signals): boolean {
  if (signal !== 'SIGINT' && signal !== 'SIGQUIT') return false
  try {
    // What follows the name in parentheses: state ppid pgrp session tty_nr tpgid
    const stat = readFileSync('/proc/self/stat', 'utf8')
    const [, , ours, , , foreground] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return ours === foreground
  } catch {
    return process.stdin.isTTY
  }
}

/** Ends this process as the child ended; a signal that does not end us still gives its exit code. */
function endBy(signal: NodeJS.Signals): void {
  process.exitCode = 128 + constants.signals[signal]
  process.kill(process.pid, signal)
}

function findNode(): string | undefined {
  try {
    const manifest = createRequire(import.meta.url).resolve('node/package.json')
    const node = join(manifest, '..', 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
    if (!existsSync(node)) return undefined
    // The package may itself be too old: then this is that Node, and would start itself for ever.
    return realpathSync(node) === realpathSync(process.execPath) ? undefined : node
  } catch {
    return undefined
  }
}
