// How the stand-ins have something done: HTTP on a port of this machine that only
// who can read control.json (0600) knows and may use.
import { randomBytes } from 'node:crypto'
import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { type IncomingMessage, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Order, Status } from './control-client.ts'

export interface Control {
  close(): void
}

async function orderOf(request: IncomingMessage): Promise<Order> {
  const chunks: Buffer[] = []
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
  return JSON.parse(Buffer.concat(chunks).toString('utf8')) as Order
}

/**
 * @param carryOut does what is ordered; what it throws is told to who ordered it
 */
export async function openControl(
  dir: string,
  appPort: number,
  carryOut: (order: Order) => Promise<void>,
  status: () => Status,
): Promise<Control> {
  const word = randomBytes(24).toString('hex')
  const server = createServer((request, response) => {
    if (request.headers.authorization !== `Bearer ${word}` || request.method !== 'POST') {
      response.writeHead(403).end()
      return
    }
    const answer = (code: number, body: unknown): void => {
      response.writeHead(code, { 'content-type': 'application/json', connection: 'close' })
      response.end(JSON.stringify(body))
    }
    orderOf(request)
      .then(carryOut)
      .then(
        () => answer(200, status()),
        (error: unknown) => answer(409, { error: (error as Error).message }),
      )
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
