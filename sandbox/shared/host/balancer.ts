// What listens on PORT: hands each request to a process of the units that answer
// for its path, in turn, and answers 502 or 503 itself while there is none, so
// that a client never just hangs. A process that is to end gets no new request,
// and ends when its last one has; so a rolling restart drops none.
//   /-/ready               200 once the machine is up, whatever state the releases are in
//   /-/balancer            how many requests there were, and how many were cut off or answered with 5xx
//   /-/units/<id>/<path>   one unit, past the balancing
import {
  Agent,
  type IncomingMessage,
  type Server,
  type ServerResponse,
  createServer,
  request as ask,
} from 'node:http'
import { type Socket, connect } from 'node:net'
import type { Running } from './process.ts'
import type { Settings } from './settings.ts'
import type { PathRoute } from './spec.ts'
import type { Unit } from './unit.ts'

export interface Balancer {
  /** The next request is cut off without an answer: a restart that was not prepared. */
  dropNext(): void
  close(): void
}

function say(response: ServerResponse, status: number, body: Record<string, unknown>): void {
  if (response.headersSent) {
    response.destroy()
    return
  }
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    ...(status === 503 ? { 'retry-after': '1' } : {}),
  })
  response.end(JSON.stringify(body))
}

// Connections stay open between requests: a fresh one costs more than most answers. A release says
// how long it keeps one, and an agent with a longer time of its own lets go a second before that, so
// that none is closed as it is used again.
const agent = new Agent({ keepAlive: true, timeout: 30_000 })

function pass(
  request: IncomingMessage,
  response: ServerResponse,
  to: Running,
  path: string | undefined,
): void {
  to.busy++
  const onward = ask(
    {
      host: '127.0.0.1',
      port: to.port,
      method: request.method,
      path,
      // What was in front of it, if anything, knows whether the visitor came by TLS.
      headers: { ...request.headers, 'x-forwarded-for': request.socket.remoteAddress ?? '' },
      agent,
      timeout: 30_000,
    },
    (answer) => {
      const got = { ...answer.headers }
      delete got['connection']
      delete got['keep-alive']
      response.writeHead(answer.statusCode ?? 502, got)
      answer.pipe(response)
      answer.on('error', () => response.destroy())
    },
  )
  onward.on('timeout', () => onward.destroy(new Error('timeout')))
  onward.on('error', () => say(response, 502, { error: 'the application does not answer' }))
  response.on('close', () => {
    to.busy--
    onward.destroy()
  })
  request.pipe(onward)
}

/** A connection that becomes something else than HTTP: from here on, bytes both ways. */
function join(request: IncomingMessage, socket: Socket, head: Buffer, to: Running): void {
  const onward = connect(to.port, '127.0.0.1', () => {
    const headers = request.rawHeaders.flatMap((name, i, all) =>
      i % 2 === 0 ? [`${name}: ${all[i + 1] ?? ''}`] : [],
    )
    const first = `${request.method ?? 'GET'} ${request.url ?? '/'} HTTP/1.1`
    onward.write([first, ...headers, '', ''].join('\r\n'))
    onward.write(head)
    onward.pipe(socket).pipe(onward)
  })
  for (const [one, other] of [
    [socket, onward],
    [onward, socket],
  ] as const) {
    one.on('error', () => other.destroy())
    one.on('close', () => other.destroy())
  }
}

const fits = (path: string, prefix: string): boolean =>
  prefix === '/' || path === prefix || path.startsWith(`${prefix}/`)

export async function openBalancer(
  port: number,
  units: readonly Unit[],
  routes: readonly PathRoute[],
  settings: Settings,
): Promise<Balancer> {
  let drop = false
  let turn = 0
  const seen = { requests: 0, failed: 0 }
  const longestFirst = [...routes].sort((a, b) => b.prefix.length - a.prefix.length)

  function next(among: readonly Unit[]): Running | undefined {
    const there = among.flatMap((unit) => unit.processes()).filter((one) => !one.leaving)
    return there[turn++ % there.length]
  }

  function unitsFor(path: string): Unit[] {
    const route = longestFirst.find(({ prefix }) => fits(path, prefix))
    return units.filter(({ id }) => route?.units.includes(id))
  }

  const server: Server = createServer((request, response) => {
    const url = request.url ?? '/'
    const [path = '/'] = url.split('?')
    if (path === '/-/ready') {
      const states = units.map((unit) => [unit.id, unit.state()])
      say(response, 200, { status: 'up', units: Object.fromEntries(states) })
      return
    }
    if (path === '/-/balancer') {
      say(response, 200, seen)
      return
    }
    seen.requests++
    response.on('close', () => {
      if (response.statusCode >= 500) seen.failed++
    })
    if (drop) {
      drop = false
      seen.failed++
      request.socket.destroy()
      return
    }
    const [, id, rest] = /^\/-\/units\/([^/]+)(\/.*)$/.exec(url) ?? []
    if (id === undefined && settings.maintenance) {
      say(response, 503, { error: 'down for maintenance' })
      return
    }
    const to = next(id === undefined ? unitsFor(path) : units.filter((unit) => unit.id === id))
    if (to === undefined) say(response, 503, { error: 'the application is not running' })
    else pass(request, response, to, rest ?? url)
  })
  server.on('upgrade', (request, socket: Socket, head) => {
    const [path = '/'] = (request.url ?? '/').split('?')
    const to = settings.maintenance ? undefined : next(unitsFor(path))
    if (to === undefined) socket.end('HTTP/1.1 503 Service Unavailable\r\n\r\n')
    else join(request, socket, head, to)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  return {
    dropNext() {
      drop = true
    },
    close() {
      server.close()
      agent.destroy()
    },
  }
}
