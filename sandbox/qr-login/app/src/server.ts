// node:http around the routes: limits, headers, JSON in and out, metrics, log.
import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http'
import type { App, Feature } from './app.ts'
import { statusRoutes } from './core/status.ts'
import { type Call, Refusal, type Reply, findRoute } from './http.ts'
import { makeLimiter } from './limits.ts'

const MOST_BYTES = 64 * 1024

const SAFETY: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'content-security-policy': "default-src 'self'; frame-ancestors 'none'",
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  if (request.method !== 'POST') return undefined
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

function send(response: ServerResponse, reply: Reply, extra: Record<string, string>): void {
  const body = reply.text ?? (reply.json === undefined ? '' : JSON.stringify(reply.json))
  response.writeHead(reply.status, {
    'content-type': reply.type ?? 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    ...SAFETY,
    ...extra,
    ...reply.headers,
  })
  response.end(body)
}

export function makeServer(app: App, features: readonly Feature[]): Server {
  const routes = [
    ...statusRoutes(app, features),
    ...features.flatMap((feature) => feature.routes(app)),
  ]
  const wrongCredentials = makeLimiter(60, 60_000)

  function cors(request: IncomingMessage): Record<string, string> {
    const origin = request.headers.origin
    if (origin === undefined || !app.config.allowedOrigins.includes(origin))
      return { vary: 'origin' }
    return {
      vary: 'origin',
      'access-control-allow-origin': origin,
      'access-control-allow-methods': 'GET, POST, DELETE',
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
      app.log('error', 'request failed', {
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
        send(response, { status: 400, json: { error: 'not a valid address' } }, {})
        return
      }
      const reply = await answer(request, url).catch((error: unknown) =>
        refused(error, client, url.pathname),
      )
      if (url.pathname.startsWith('/api/') && url.pathname !== '/api/health') {
        app.metrics.observe((performance.now() - from) / 1000, reply.status >= 500)
      }
      send(response, reply, cors(request))
    })()
  })
}
