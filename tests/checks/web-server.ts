/** An application's web server, and a Prometheus, as far as the checks of the library ask them. */
import { createServer, type Server, type ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'

const SECURE = {
  'content-security-policy': "default-src 'self'",
  'strict-transport-security': 'max-age=15552000; includeSubDomains',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'SAMEORIGIN',
}
const ORIGINS = ['https://a.example.com', 'https://b.example.com']

/** What the HTTP API of Prometheus answers; a sample is [time, text]. */
const QUERIES: Record<string, unknown> = {
  two: {
    resultType: 'vector',
    result: ['0.5', '2'].map((value) => ({ metric: {}, value: [1767225600.1, value] })),
  },
  'vector(0)': { resultType: 'vector', result: [{ metric: {}, value: [1767225600.1, '0'] }] },
  'scalar(3)': { resultType: 'scalar', result: [1767225600.1, '3'] },
  'none + 1': { resultType: 'vector', result: [] },
  '0/0': { resultType: 'vector', result: [{ metric: {}, value: [1767225600.1, 'NaN'] }] },
  'up[5m]': { resultType: 'matrix', result: [{ metric: {}, values: [[1767225600.1, '1']] }] },
}

/** Not listening yet. */
export function webServer(): Server {
  const sent = new Map<string, number>()
  return createServer((request, response) => {
    const at = new URL(request.url ?? '', 'http://here')
    let body = ''
    request.setEncoding('utf8').on('data', (text: string) => (body += text))
    request.on('end', () => {
      const origin = request.headers.origin ?? ''
      const count = (sent.get(at.href) ?? 0) + 1
      sent.set(at.href, count)
      const { method = '', headers } = request
      answer(response, at, { method, headers, body, origin, count })
    })
  })
}

interface Asked {
  method: string
  headers: NodeJS.Dict<string | string[]>
  body: string
  origin: string
  /** How many requests this address has got, with this one. */
  count: number
}

function answer(response: ServerResponse, at: URL, asked: Asked): void {
  const json = (status: number, value: unknown, headers = {}) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers })
    response.end(JSON.stringify(value))
  }
  const move = (status: number, location: string) => response.writeHead(status, { location }).end()
  const { origin, method, count } = asked
  const allowed = ORIGINS.includes(origin)
  const cors = (name: string, more = {}) =>
    json(200, {}, { 'access-control-allow-origin': name, ...more })
  const pages: Record<string, () => void> = {
    '/health': () => json(200, { status: 'ok', database: 'connected', redis: 'up' }),
    '/sick': () => json(200, { status: 'ok', database: 'disconnected' }),
    '/healthy': () => json(200, { status: 'healthy' }),
    '/html': () => response.end('<h1>ok</h1>'),
    '/secure': () => json(200, {}, SECURE),
    '/frames': () => json(200, {}, { 'x-frame-options': 'DENY', 'x-powered-by': 'Express' }),
    '/cors': () =>
      allowed ? cors(origin, { 'access-control-allow-methods': 'PUT, PATCH' }) : json(200, {}),
    '/cors-cookies': () =>
      allowed ? cors(origin, { 'access-control-allow-credentials': 'true' }) : json(200, {}),
    '/cors-all': () => cors('*'),
    '/cors-echo': () => cors(origin),
    '/limited': () => json(count > 5 ? 429 : 401, {}),
    '/login': () => {
      const right =
        method === 'POST' &&
        asked.headers['content-type'] === 'application/json' &&
        asked.headers['x-client'] === 'a: b' &&
        asked.body === '{"password":"p"}'
      json(right ? (count > 5 ? 429 : 401) : 415, {})
    },
    '/moved': () => move(308, 'https://app.example.com/login'),
    '/found': () => move(302, 'https://app.example.com/login'),
    '/sideways': () => move(301, 'http://app.example.com/login'),
    '/packed': () => {
      response.writeHead(200, { 'content-encoding': 'gzip', 'content-type': 'text/plain' })
      response.end(gzipSync('a'.repeat(5000)))
    },
    '/version': () =>
      asked.headers['authorization'] === 'Bearer the-right-token'
        ? json(200, { build: [{ version: '1.4.0', 'a b': null }], users: 3, on: true })
        : json(401, { error: 'who are you?' }),
    '/register': () => {
      const { password } = JSON.parse(asked.body) as { password: string }
      if (password.length < 8) json(400, { message: ['password must be longer'] })
      else json(201, { id: 1 })
    },
    '/strange': () => json(422, { message: ['email must be an email'] }),
    '/api/v1/query': () => {
      const data = QUERIES[new URLSearchParams(asked.body).get('query') ?? '']
      if (data !== undefined) json(200, { status: 'success', data })
      else json(400, { status: 'error', errorType: 'bad_data', error: 'parse error' })
    },
  }
  const page = pages[at.pathname]
  if (page === undefined) json(503, { status: 'ok' })
  else page()
}
