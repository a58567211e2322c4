import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { http } from '../../src/actions/http.ts'
import { load } from '../../src/actions/load.ts'
import { joinUrl } from '../../src/actions/url.ts'
import type { HttpRequest } from '../../src/core/runbook.ts'
import { context } from './context.ts'
import { freePort } from './postgres-server.ts'

let server: Server
let base: string

/** Answers with what it was asked, and does what its path says. */
function answer(request: IncomingMessage, response: ServerResponse): void {
  let body = ''
  request.setEncoding('utf8').on('data', (text: string) => (body += text))
  request.on('end', () => {
    const { method, url = '', headers } = request
    if (url === '/hang') return
    if (url === '/cut') return void request.socket.destroy()
    if (url === '/redirect') response.writeHead(302, { Location: '/elsewhere' })
    else if (url === '/missing') response.writeHead(404)
    else response.writeHead(200, { 'X-Custom': 'Yes', 'Content-Type': 'application/json' })
    if (url === '/big') return void response.end('x'.repeat(3 * 2 ** 20))
    if (url === '/numbers') return void response.end('{"id": 12345678901234567890}')
    response.end(JSON.stringify({ method, url, headers, body }))
  })
}

beforeAll(async () => {
  server = createServer(answer)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})

const request = (url: string, more: Partial<HttpRequest> = {}) => ({
  verb: 'http' as const,
  method: 'get' as const,
  url,
  headers: {},
  ...more,
})

interface Echo {
  method: string
  url: string
  headers: Record<string, string>
  body: string
}

test('the result has status, headers in lower case, body and its value', async () => {
  const at = context({ base })
  const { fields, problem } = await http.perform(request('${{ inputs.base }}/a'), at)
  expect(problem).toBeUndefined()
  expect(fields.status).toBe(200)
  expect(fields.headers).toMatchObject({ 'x-custom': 'Yes' })
  expect(fields.json).toMatchObject({ method: 'GET', url: '/a' })
  expect(fields.body).toContain('"GET"')
  expect(at.gated).toEqual([undefined])
})

test('what is a value stays one', async () => {
  const at = context({ base, token: 'a"}b', id: 7, list: [1n, null], text: '", "admin": "yes' })
  const json = {
    t: '${{ inputs.text }}',
    n: '${{ inputs.id }}',
    l: '${{ inputs.list }}',
    m: 'x ${{ inputs.id }}',
  }
  const { fields } = await http.perform(
    request('${{ inputs.base }}/', { method: 'post', bearer: '${{ inputs.token }}', json }),
    at,
  )
  const echo = fields.json as Echo
  expect(JSON.parse(echo.body)).toEqual({ t: '", "admin": "yes', n: 7, l: [1, null], m: 'x 7' })
  expect(echo.headers).toMatchObject({
    authorization: 'Bearer a"}b',
    'content-type': 'application/json',
  })
})

test.each([
  ['a/b?c#d&e=f', 'a%2Fb%3Fc%23d%26e%3Df'],
  ['..x', '..x'],
  ['@evil.example', '%40evil.example'],
  ['ä \r\n', '%C3%A4%20%0D%0A'],
])('in a URL %j stays in its place', (value, encoded) => {
  const piece = (of: unknown) => ({ value: of, source: '' })
  const pieces = [
    piece('http://h/base/'),
    { text: '/users/' },
    piece(value),
    { text: '?q=' },
    piece(value),
  ]
  expect(joinUrl(pieces)).toBe(`http://h/base/users/${encoded}?q=${encoded}`)
  expect(joinUrl([{ text: 'http://h/' }, piece(value)])).toBe(`http://h/${encoded}`)
})

test.each(['../admin', '%2e%2e', 'x/../../admin', '...', '..%2f'])(
  'a value %j does not climb out of its place on the way either',
  async (id) => {
    const url = '${{ inputs.base }}/users/${{ inputs.id }}/edit'
    const { fields } = await http.perform(request(url), context({ base, id }))
    expect((fields.json as Echo).url).toBe(`/users/${encodeURIComponent(id)}/edit`)
  },
)

test.each([
  ['..', '/a/${{ inputs.id }}'],
  ['.', '/a/${{ inputs.id }}/b'],
  ['.', '/a/.${{ inputs.id }}?q'],
])('a value %j that would be a step in %s is refused', async (id, path) => {
  const at = context({ base, id })
  const asked = http.perform(request('${{ inputs.base }}' + path), at)
  await expect(asked).rejects.toMatchObject({ exit: 2 })
  const harmless = await http.perform(request('${{ inputs.base }}/a/../b?${{ inputs.id }}'), at)
  expect((harmless.fields.json as Echo).url).toBe(`/b?${id}`)
})

test('a value adds no header', async () => {
  const at = context({ base, x: 'a\r\nX-Admin: yes' })
  const action = request('${{ inputs.base }}/', { headers: { 'X-A': '${{ inputs.x }}' } })
  await expect(http.perform(action, at)).rejects.toMatchObject({ exit: 2 })
  expect(at.gated).toEqual([])
})

test('a redirect and a refusal are results like any other', async () => {
  const { fields } = await http.perform(request(`${base}/redirect`), context())
  expect(fields).toMatchObject({ status: 302, headers: { location: '/elsewhere' } })
  expect((await http.perform(request(`${base}/missing`), context())).fields.status).toBe(404)
})

test('expressions see a bounded body, and exact numbers', async () => {
  const { fields, notes } = await http.perform(request(`${base}/big`), context())
  expect(String(fields.body)).toHaveLength(2 ** 20)
  expect(notes?.join()).toContain('3145728 bytes')
  const numbers = await http.perform(request(`${base}/numbers`), context())
  expect(numbers.fields.json).toEqual({ id: 12345678901234567890n })
})

test.each([
  ['nobody listens', async () => `http://127.0.0.1:${await freePort()}/?canary`, 'refused'],
  ['no such host', async () => 'http://no-such-host.invalid/?canary', ''],
  ['cut off', async () => `${base}/cut?canary`.replace('?canary', ''), 'closed'],
])('%s: one cannot tell', async (_name, url, message) => {
  const { problem } = await http.perform(request(await url()), context())
  expect(problem).toMatchObject({ kind: 'cannot_tell' })
  expect(problem?.message).toMatch(/^no answer from http:\/\//)
  expect(problem?.message).toContain(message)
  expect(problem?.message).not.toContain('canary')
})

test.each(['timeout', 'interrupted'] as const)('no answer: %s', async (kind) => {
  const stop = new AbortController()
  const at = context({}, { timeout_ms: kind === 'timeout' ? 100 : 9000, interrupt: stop.signal })
  if (kind === 'interrupted') setTimeout(() => stop.abort(), 50)
  const { problem } = await http.perform(request(`${base}/hang`), at)
  expect(problem).toMatchObject({ kind })
})

test.each(['ftp://h/', 'file:///etc/passwd', '/path', ''])('%j is no address', async (url) => {
  await expect(http.perform(request(url), context())).rejects.toMatchObject({ exit: 2 })
})

test('a load goes over a few kept connections and is measured', async () => {
  let connections = 0
  const own = createServer(answer).on('connection', () => (connections += 1))
  await new Promise<void>((resolve) => own.listen(0, '127.0.0.1', resolve))
  const action = {
    verb: 'load' as const,
    http: request(`http://127.0.0.1:${(own.address() as AddressInfo).port}/`),
    requests: 200,
    connections: '${{ inputs.n }}',
  }
  const { fields, problem } = await load.perform(action, context({ n: 4 }))
  own.close()
  expect(problem).toBeUndefined()
  expect(fields).toMatchObject({ requests: 200, failed: 0 })
  expect(connections).toBeLessThanOrEqual(4)
  const { p50_ms, p95_ms, p99_ms, rps } = fields as Record<string, number>
  expect(p50_ms).toBeGreaterThan(0)
  expect(p95_ms).toBeGreaterThanOrEqual(p50_ms ?? Infinity)
  expect(p99_ms).toBeGreaterThanOrEqual(p95_ms ?? Infinity)
  expect(rps).toBeGreaterThan(100)
})

test('in a load what is not 2xx failed; without any answer one cannot tell', async () => {
  const of = (url: string) => ({
    verb: 'load' as const,
    http: request(url),
    requests: 10,
    connections: 2,
  })
  const { fields } = await load.perform(of(`${base}/missing`), context())
  expect(fields).toMatchObject({ requests: 10, failed: 10 })
  const { problem } = await load.perform(of(`http://127.0.0.1:${await freePort()}/`), context())
  expect(problem).toMatchObject({ kind: 'cannot_tell' })
  const slow = await load.perform(of(`${base}/hang`), context({}, { timeout_ms: 100 }))
  expect(slow.problem).toMatchObject({ kind: 'timeout' })
})
