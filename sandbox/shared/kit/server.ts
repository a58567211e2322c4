// node:http around the routes: limits, headers, JSON in and out, metrics, log.
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { type Call, Refusal, type Reply, type Route, findRoute } from './http.ts'
import { makeLimiter } from './limits.ts'
import type { Log } from './log.ts'

// An import of it would read every one of its names, for some of which Node loads its
// client for fetch, HTTP/2 and TLS: half of what it takes to start a small server.
const { createServer } = process.getBuiltinModule('node:http')

export interface ServerOptions {
  routes: readonly Route[]
  log: Log
  /** Other sites whose pages may read the answers. */
  allowedOrigins?: readonly string[]
  /** Told of each request when it was answered. */
  observe?: (path: string, seconds: number, status: number) => void
  /** Headers of every answer, over those that a server should always send. */
  headers?: Readonly<Record<string, string>>
  /** Answers of more than 1 KiB are compressed for who takes that. */
  compress?: boolean
}

const MOST_BYTES = 64 * 1024

const SAFETY: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'content-security-policy': "default-src 'self'; frame-ancestors 'none'",
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  if (!['POST', 'PUT', 'PATCH'].includes(request.method ?? '')) return undefined
  // A form of another site can post text or a form without asking first; JSON it cannot.
  const type = (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase()
  if (type !== 'application/json')
    throw new Refusal(415, 'the content type must be application/json')
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > MOST_BYTES) throw new Refusal(413, 'the body is too large')
    chunks.push(chunk)
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown
  } catch {
    throw new Refusal(400, 'the body is not JSON')
  }
}

function headersOf(request: IncomingMessage): Record<string, string | undefined> {
  const out: Record<string, string | undefined> = {}
  for (const [name, value] of Object.entries(request.headers))
    out[name] = Array.isArray(value) ? value.join(', ') : value
  return out
}

function send(
  response: ServerResponse,
  reply: Reply,
  extra: Record<string, string>,
  small: boolean,
): void {
  const text = reply.text ?? (reply.json === undefined ? '' : JSON.stringify(reply.json))
  const packed = small && Buffer.byteLength(text) > 1024
  const body = packed ? gzipSync(text) : text
  response.writeHead(reply.status, {
    'content-type': reply.type ?? 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    ...(packed ? { 'content-encoding': 'gzip' } : {}),
    ...SAFETY,
    ...extra,
    ...reply.headers,
  })
  response.end(body)
}

export function makeServer(options: ServerOptions): Server {
  const { routes, log, allowedOrigins = [], headers = {} } = options
  const wrongCredentials = makeLimiter(60, 60_000)

  function cors(request: IncomingMessage): Record<string, string> {
    const origin = request.headers.origin
    if (origin === undefined || !allowedOrigins.includes(origin)) return { vary: 'origin' }
    return {
      vary: 'origin',
      'access-control-allow-origin': origin,
      'access-control-allow-methods': 'GET, POST, PUT, PATCH, DELETE',
      'access-control-allow-headers': 'authorization, content-type',
    }
  }

  async function answer(request: IncomingMessage, url: URL): Promise<Reply> {
    if (request.method === 'OPTIONS') return { status: 204 }
    const { route, params } = findRoute(routes, request.method ?? 'GET', url.pathname)
    const call: Call = {
      method: route.method,
      path: url.pathname,
      params,
      query: url.searchParams,
      headers: headersOf(request),
      body: await readBody(request),
    }
    return route.handle(call)
  }

  function refused(error: unknown, client: string, path: string): Reply {
    if (!(error instanceof Refusal)) {
      log('error', 'request failed', {
        path,
        reason: error instanceof Error ? error.message : 'unknown',
      })
      return { status: 500, json: { error: 'internal error' } }
    }
    if (error.status === 401 && !wrongCredentials.take(client))
      return { status: 429, json: { error: 'too many attempts; wait a minute' } }
    return { status: error.status, json: { error: error.message } }
  }

  return createServer((request, response) => {
    void (async () => {
      const from = performance.now()
      const client = headersOf(request)['x-forwarded-for'] ?? request.socket.remoteAddress ?? ''
      let url: URL
      try {
        url = new URL(request.url ?? '/', 'http://localhost')
      } catch {
        send(response, { status: 400, json: { error: 'not a valid address' } }, {}, false)
        return
      }
      const reply = await answer(request, url).catch((error: unknown) =>
        refused(error, client, url.pathname),
      )
      options.observe?.(url.pathname, (performance.now() - from) / 1000, reply.status)
      const takes = /\bgzip\b/.test(headersOf(request)['accept-encoding'] ?? '')
      send(response, reply, { ...headers, ...cors(request) }, options.compress === true && takes)
    })()
  })
}

export interface Serving {
  host: string
  /** 0 takes one that is free. */
  port: number
  log: Log
  version: string
  /** What is to be closed when it ends. */
  close: () => Promise<void>
}

/** Listens, tells a supervisor the port, and ends in good order when it is told to or left alone. */
export function serve(server: Server, { host, port, log, version, close }: Serving): void {
  server.on('error', (error) => {
    log('error', 'cannot listen', { reason: error.message })
    process.exit(1)
  })
  server.listen(port, host, () => {
    const { port: at } = server.address() as AddressInfo
    log('info', 'listening', { release: version, port: at })
    process.send?.({ port: at })
  })
  function stop(why: string): void {
    log('info', 'stopping', { release: version, why })
    server.close(() => void close().finally(() => process.exit(0)))
    server.closeIdleConnections()
    // Open requests get a moment; then the process ends whatever they do.
    setTimeout(() => process.exit(0), 2_000).unref()
  }
  process.on('SIGTERM', () => stop('SIGTERM'))
  // Whoever started us and held the channel is gone: nobody could stop us later.
  process.on('disconnect', () => stop('the supervisor is gone'))
}
