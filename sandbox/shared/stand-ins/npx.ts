// Stand-in for npx: runs tsc (the TypeScript that is installed here), ts-node (Node
// itself, which strips types) and what a system brings in its own bin/. Nothing is
// ever downloaded, and nothing else is run.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fail, runTool } from './tool.ts'

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

/** A stand-in for that tool in a sandbox's bin/ on PATH. */
const standIn = (tool: string): string | undefined =>
  (process.env['PATH'] ?? '')
    .split(delimiter)
    .filter((folder) => /\/sandbox\/[^/]+\/bin\/?$/.test(folder))
    .map((folder) => join(folder, tool))
    .find((file) => existsSync(file))

await runTool({
  name: 'npx',
  usage: 2,
  unknownFlag: (flag) => `npx: unknown option ${flag}`,
  commands: {
    '': {
      flags: ['-y, --yes', '--no', '--no-install'],
      words: [1, Infinity],
      rest: true,
      run({ words: [tool = '', ...args] }) {
        if (tool === 'ts-node' && (args[0] === undefined || args[0].startsWith('-')))
          fail(2, 'ts-node: a file is needed')
        const node =
          tool === 'tsc' ? [installed('typescript/bin/tsc')] : tool === 'ts-node' ? [] : undefined
        const [program, before] =
          node === undefined ? [standIn(tool), []] : [process.execPath, node]
        if (program === undefined || tool === 'npx') fail(2, `npx: no ${tool} here`)
        const ended = spawnSync(program, [...before, ...args], { stdio: 'inherit' })
        process.exitCode = ended.status ?? 1
      },
    },
  },
})
