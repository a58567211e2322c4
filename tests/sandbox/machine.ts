/** The sandboxes' machine with a release that needs no database: what runs on it only says which release it is. */
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { UnitSpec } from '../../sandbox/shared/host/spec.ts'

const shared = join(import.meta.dirname, '../../sandbox/shared')

/** Answers /health with 200, or 503 in a release named `ill`; /slow takes a while; all else says who it is. */
const SERVER = `import { createServer } from 'node:http'
import { basename } from 'node:path'
const release = basename(process.cwd())
const server = createServer((request, response) => {
  const answer = () => response.end(JSON.stringify({ release, pid: process.pid, mode: process.env.MODE ?? '' }))
  if (request.url === '/health') response.writeHead(release === 'ill' ? 503 : 200).end()
  else setTimeout(answer, request.url === '/slow' ? 300 : 2)
})
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }))
process.on('SIGTERM', () => server.close(() => process.exit(0)))
process.on('disconnect', () => process.exit(0))
console.log(JSON.stringify({ time: new Date().toISOString(), message: 'started ' + release }))
`

/** Of our environment; the second, as in every test: Node reads each program once. */
const { PATH, NODE_COMPILE_CACHE } = process.env
const OURS = { PATH, ...(NODE_COMPILE_CACHE !== undefined && { NODE_COMPILE_CACHE }) }

interface Ended {
  code: number
  stdout: string
  stderr: string
}

export interface Machine {
  dir: string
  url: string
  /** Calls a stand-in, as a person at a terminal would. */
  call: (line: string, env?: Record<string, string>) => Promise<Ended>
  /** What serves at a path. */
  serving: (path?: string) => Promise<{ release: string; pid: number; mode: string }>
  close: () => Promise<void>
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** @param units with releases 1.0.0 (which serves), 1.1.0 and ill */
export async function startMachine(units: readonly UnitSpec[]): Promise<Machine> {
  const root = mkdtempSync(join(tmpdir(), 'machine-'))
  const dir = join(root, 'data')
  for (const release of ['1.0.0', '1.1.0', 'ill']) {
    const folder = join(dir, 'releases', release)
    mkdirSync(join(folder, 'src'), { recursive: true })
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
    writeFileSync(join(folder, 'release.json'), JSON.stringify({ version: release }))
    writeFileSync(join(folder, 'src/main.js'), SERVER)
  }
  const links = [...new Set(units.map((unit) => unit.link ?? 'current'))]
  const program = join(root, 'server.mts')
  writeFileSync(
    program,
    `import { runHost, takePlace } from '${shared}/host/host.ts'
import { pointTo } from '${shared}/host/links.ts'
const at = await takePlace()
for (const link of ${JSON.stringify(links)}) pointTo(at.dir, link, '1.0.0')
await runHost({ ...at, units: ${JSON.stringify(units)} })
`,
  )
  const port = await freePort()
  const child: ChildProcess = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', program],
    {
      env: { ...OURS, PORT: String(port), RUNBOOK_SERVICE_DIR: dir },
      stdio: 'inherit',
    },
  )
  const ended = new Promise((resolve) => child.once('exit', resolve))
  const url = `http://127.0.0.1:${port}`
  while (!existsSync(join(dir, 'control.json'))) {
    if (child.exitCode !== null) throw new Error('the machine does not start')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return {
    dir,
    url,
    call(line, env = {}) {
      const [tool = '', ...args] = line.split(' ')
      const own = {
        ...OURS,
        PATH: `${join(shared, 'bin')}:${PATH}`,
        RELEASES: join(dir, 'releases'),
      }
      return new Promise((resolve) => {
        execFile(
          join(shared, 'bin', tool),
          args,
          { env: { ...own, ...env }, cwd: root },
          (error, stdout, stderr) =>
            resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
        )
      })
    },
    async serving(path = '/') {
      return (await (await fetch(url + path)).json()) as {
        release: string
        pid: number
        mode: string
      }
    },
    async close() {
      child.kill('SIGTERM')
      await ended
      rmSync(root, { recursive: true, force: true })
    },
  }
}

/** Lines of a stand-in's record. */
export const recorded = (file: string): unknown[] =>
  readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown)
