// What listens on PORT: hands requests to the release and answers 502 or 503
// itself while there is none, so that a client never just hangs.
import {
  type IncomingMessage,
  type Server,
  type ServerResponse,
  createServer,
  request as ask,
} from 'node:http'
import type { Unit } from './unit.ts'

function say(response: ServerResponse, status: number, body: Record<string, string>): void {
  if (response.headersSent) {
    response.destroy()
    return
  }
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' })
  response.end(JSON.stringify(body))
}

function pass(request: IncomingMessage, response: ServerResponse, port: number): void {
  const onward = ask(
    {
      host: '127.0.0.1',
      port,
      method: request.method,
      path: request.url,
      headers: { ...request.headers, 'x-forwarded-for': request.socket.remoteAddress ?? '' },
      // A connection kept open could be closed by the release just as it is used
      // again; on one machine a fresh one costs next to nothing.
      agent: false,
      timeout: 30_000,
    },
    (answer) => {
      const headers = { ...answer.headers }
      delete headers['connection']
      delete headers['keep-alive']
      response.writeHead(answer.statusCode ?? 502, headers)
      answer.pipe(response)
      answer.on('error', () => response.destroy())
    },
  )
  onward.on('timeout', () => onward.destroy(new Error('timeout')))
  onward.on('error', () => say(response, 502, { error: 'the application does not answer' }))
  response.on('close', () => onward.destroy())
  request.pipe(onward)
}

export function openProxy(port: number, unit: Unit): Promise<Server> {
  const server = createServer((request, response) => {
    // The machine is up, whatever state the release is in. Whether the release is
    // healthy is for the runbook to find out, not for the start of the sandbox.
    if (request.url === '/-/ready') {
      say(response, 200, { status: 'up', release: unit.state() })
      return
    }
    const to = unit.port()
    if (to === undefined) say(response, 503, { error: 'the application is not running' })
    else pass(request, response, to)
  })
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => resolve(server))
  })
}
