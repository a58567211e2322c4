// People who look at the catalogue all day, each from an address of their own, so that
// a watch over the figures watches something. They change nothing.
import { request } from 'node:http'

const EVERY_MS = 200

/** Asks until the process ends. What is not answered is no concern of theirs. */
export function startTraffic(url: string): void {
  let turn = 0
  const visit = (): void => {
    turn = (turn + 1) % 60_000
    const localAddress = `127.1.${turn >> 8}.${2 + (turn % 250)}`
    const asked = request(`${url}/api/v1/catalogue`, { localAddress, timeout: 2_000 }, (answer) =>
      answer.resume(),
    )
    asked.on('timeout', () => asked.destroy())
    asked.on('error', () => undefined)
    asked.end()
  }
  setInterval(visit, EVERY_MS).unref()
}
