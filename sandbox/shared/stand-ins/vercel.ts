// Stand-in for vercel: a deployment is a release folder, production is the first
// unit of the sandbox.
import { createHash } from 'node:crypto'
import type { UnitStatus } from '../host/control-client.ts'
import { type Call, type Command, fail, runTool, say } from './tool.ts'
import { type Memory, keep, releaseOf, remember, restart, units } from './world.ts'

const urlOf = ({ name }: UnitStatus, release: string): string =>
  `https://${name}-${createHash('sha256').update(release).digest('hex').slice(0, 9)}.vercel.app`

async function serve(unit: UnitStatus, release: string): Promise<void> {
  if (release === unit.release) return
  if (!(await restart(unit, release))) fail(1, 'Error: the deployment did not start')
}

function project(
  work: (call: Call, memory: Memory, unit: UnitStatus) => void | Promise<void>,
): Command['run'] {
  return async (call) => {
    const [unit] = await units()
    if (unit === undefined) fail(1, 'Error: there is no project here')
    const memory = remember()
    memory.vercel[urlOf(unit, unit.release)] = unit.release
    await work(call, memory, unit)
    keep(memory)
  }
}

async function deploy(
  { words: [path], value, has }: Call,
  memory: Memory,
  unit: UnitStatus,
): Promise<void> {
  if (!has('prod') && value('target') !== 'production')
    fail(2, 'vercel deploy: here to production only (--prod)')
  const folder = path ?? value('cwd') ?? process.cwd()
  const release = releaseOf(folder) ?? fail(1, 'Error: this folder is no release')
  const url = urlOf(unit, release)
  memory.vercel[url] = release
  keep(memory)
  await serve(unit, release)
  say(url)
}

const timeout = ['--timeout=']
await runTool({
  name: 'vercel',
  usage: 2,
  anywhere: true,
  flags: ['--cwd=', '-S, --scope=', '-y, --yes', '-d, --debug', '--no-color'],
  unknownFlag: (flag) => `Error: unknown or unexpected option: ${flag}`,
  commands: {
    deploy: { flags: ['--prod', '--target=', '--prebuilt'], words: [0, 1], run: project(deploy) },
    inspect: {
      flags: timeout,
      words: [1, 1],
      // As there, the description goes to stderr.
      run: project((_call, _memory, unit) => {
        const rows = {
          name: unit.name,
          target: 'production',
          status: 'Ready',
          url: urlOf(unit, unit.release),
        }
        const lines = Object.entries(rows).map(
          ([name, value]) => `    ${name}\t${name === 'url' ? '\t' : ''}${value}\n`,
        )
        process.stderr.write(`  General\n\n${lines.join('')}`)
      }),
    },
    rollback: {
      flags: timeout,
      words: [1, 1],
      run: project(async ({ words: [url = ''] }, memory, unit) => {
        await serve(
          unit,
          memory.vercel[url] ?? fail(1, `Error: Can't find the deployment "${url}"`),
        )
        say(`Success! rolled back to ${url}`)
      }),
    },
  },
})
