// How the stand-ins ask for a start, a stop or a restart: HTTP on a port of this
// machine that only who can read control.json (0600) knows and may use.
import { randomBytes } from 'node:crypto'
import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { type Server, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Unit } from './unit.ts'

export interface Control {
  close(): void
}

export async function openControl(
  dir: string,
  appPort: number,
  unit: Unit,
  quit: () => Promise<void>,
): Promise<Control> {
  const word = randomBytes(24).toString('hex')
  const acts: Readonly<Record<string, () => Promise<unknown>>> = {
    'GET /status': () => Promise.resolve(),
    'POST /start': unit.start,
    'POST /stop': unit.stop,
    'POST /restart': unit.restart,
    // The answer has to leave before the process does.
    'POST /quit': () => Promise.resolve(setTimeout(() => void quit(), 20)),
  }
  const server: Server = createServer((request, response) => {
    const act =
      request.headers.authorization === `Bearer ${word}`
        ? acts[`${request.method} ${request.url}`]
        : undefined
    if (act === undefined) {
      response.writeHead(403).end()
      return
    }
    void act().then(() => {
      response.writeHead(200, { 'content-type': 'application/json', connection: 'close' })
      response.end(JSON.stringify({ state: unit.state(), pid: unit.pid() ?? null }))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const file = join(dir, 'control.json')
  const found = {
    port: (server.address() as AddressInfo).port,
    word,
    pid: process.pid,
    app: `http://127.0.0.1:${appPort}`,
  }
  writeFileSync(`${file}.new`, JSON.stringify(found), { mode: 0o600 })
  renameSync(`${file}.new`, file)
  return {
    close() {
      server.close()
      rmSync(file, { force: true })
    },
  }
}
