/** An HTTP server of a test's own, that answers as it is told. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Answering {
  url: string
  /** How many requests came. */
  seen: () => number
  /** What the next requests get, one each; after them it answers well. */
  next(...answers: ('ok' | 'error' | 'drop')[]): void
  /** The error rate that its metrics tell from now on, those of one path when it is given. */
  rate(value: number | string, path?: string): void
  stop: () => Promise<void>
}

export async function answering(): Promise<Answering> {
  let seen = 0
  let usual: number | string = 0.01
  const rates = new Map<string, number | string>()
  let queue: string[] = []
  const server = createServer((request, response) => {
    seen += 1
    const answer = queue.shift()
    if (answer === 'drop') {
      request.socket.destroy()
      return
    }
    response.writeHead(answer === 'error' ? 503 : 200, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ error_rate: rates.get(request.url ?? '') ?? usual }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    seen: () => seen,
    next: (...answers) => {
      queue = answers
    },
    rate: (value, path) => {
      if (path === undefined) usual = value
      else rates.set(path, value)
    },
    stop: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
