import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { askAll, rowsOf, type Cases, type Told } from './library.ts'

/** Nobody listens there. */
const GONE = 'http://127.0.0.1:2/health'
const app = (path: string) => `\${{ inputs.app_url }}${path}`

const server: Server = createServer((request, response) => {
  const path = request.url ?? ''
  const json = (status: number, value: unknown) => {
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(JSON.stringify(value))
  }
  if (path === '/health') json(200, { status: 'ok', database: 'connected', redis: 'up' })
  else if (path === '/sick') json(200, { status: 'ok', database: 'disconnected' })
  else if (path === '/healthy') json(200, { status: 'healthy' })
  else if (path === '/html') response.end('<h1>ok</h1>')
  else json(503, { status: 'ok' })
})

const cases: Cases = {
  'http-healthy': {
    holds: [
      [{ url: app('/health') }],
      [{ url: app('/health'), parts: 'database redis' }],
      [{ url: app('/healthy'), says: 'healthy' }],
    ],
    does_not_hold: [
      [{ url: app('/healthy') }],
      [{ url: app('/down') }],
      [{ url: app('/html') }],
      [{ url: app('/sick'), parts: 'database' }],
      [{ url: app('/health'), parts: 'database queue' }],
    ],
    cannot_tell: [[{ url: GONE }, { says: 'refused' }]],
  },
}

let told: Map<string, Told>
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  told = await askAll(cases, { inputs: { app_url: `http://127.0.0.1:${port}` } })
}, 240_000)
afterAll(() => {
  server.close()
})

test.each(rowsOf(cases))('$name', ({ name, answer, given: [, { says = '' } = {}] }) => {
  const found = told.get(name)
  expect(found, JSON.stringify(found)).toMatchObject({ answer })
  expect(found?.reason ?? '').toContain(says)
})
