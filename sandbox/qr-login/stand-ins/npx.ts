// Stand-in for npx: runs prisma (its own stand-in), tsc (the TypeScript that is
// installed here) and ts-node (Node itself, which strips types). Nothing is ever
// downloaded, and nothing else is run.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { begin, fail } from './stand-in.ts'

function installed(path: string): string {
  for (let at = process.cwd(); ; at = dirname(at)) {
    const file = join(at, 'node_modules', path)
    if (existsSync(file)) return file
    if (dirname(at) === at) break
  }
  return fail(
    1,
    `npx: ${path.split('/')[0] ?? path} is not installed here, and this stand-in downloads nothing`,
  )
}

function target(tool: string): string[] {
  switch (tool) {
    case 'prisma':
      return [join(import.meta.dirname, 'prisma.ts')]
    case 'tsc':
      return [installed('typescript/bin/tsc')]
    case 'ts-node':
      return []
    default:
      return fail(
        2,
        `npx: ${tool === '' ? 'a command is needed' : `no ${tool} here`}. (This stand-in knows prisma, tsc, ts-node.)`,
      )
  }
}

const args = begin('npx')
while (args[0] === '--yes' || args[0] === '--no' || args[0] === '--no-install') args.shift()
if (args[0]?.startsWith('-') === true) fail(2, `npx: unknown option ${args[0]}`)
const tool = args.shift() ?? ''
if (tool === 'ts-node' && (args[0] === undefined || args[0].startsWith('-')))
  fail(2, 'ts-node: a file is needed')
const ended = spawnSync(process.execPath, [...target(tool), ...args], { stdio: 'inherit' })
process.exitCode = ended.status ?? 1
