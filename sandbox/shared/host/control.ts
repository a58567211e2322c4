// How the stand-ins have something done: JSON each way, on a port of this machine
// that only who can read control.json (0600) knows and may use.
import { randomBytes } from 'node:crypto'
import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, type Socket, createServer } from 'node:net'
import { join } from 'node:path'
import { type Answer, type Order, type Request, type Status, text } from './control-client.ts'

export interface Control {
  close(): void
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
  const answered = async (socket: Socket): Promise<Answer> => {
    try {
      const request = JSON.parse(await text(socket)) as Partial<Request>
      if (request.word !== word || request.order === undefined) throw new Error('not allowed')
      await carryOut(request.order)
      return status()
    } catch (error) {
      return { error: (error as Error).message }
    }
  }
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    // Who asked may have gone.
    socket.on('error', () => socket.destroy())
    void answered(socket).then((answer) => socket.end(JSON.stringify(answer)))
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
