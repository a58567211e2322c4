/** Another system, on this machine: it counts what it is asked, and holds back answers on demand. */
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Remote {
  url: string
  /** Every request but those of checks: `POST`, `DELETE`. */
  asked: string[]
  /** Whether there is what a POST makes. */
  made: boolean
  /** Whether POST takes effect only when it is answered, and how: never while this is set. */
  holds: boolean
  /** Answers what was held back. */
  letGo: () => void
  close: () => Promise<void>
}

export async function remote(): Promise<Remote> {
  const held: ServerResponse[] = []
  const server = createServer((request, response) => {
    const answer = (status: number, body: unknown) => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    }
    if (request.method === 'GET') {
      answer(200, { made: self.made })
      return
    }
    self.asked.push(request.method ?? '')
    if (request.method === 'POST' && self.holds) {
      held.push(response)
      return
    }
    self.made = request.method === 'POST'
    answer(200, { id: 'it' })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const self: Remote = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked: [],
    made: false,
    holds: false,
    letGo: () => {
      self.holds = false
      for (const response of held.splice(0)) response.writeHead(200).end('{"id":"it"}')
    },
    close: () => {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
  return self
}
