import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer as createPlain, type AddressInfo, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer as createTls } from 'node:tls'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { certificate } from './certificate.ts'
import { dnsServer } from './dns-server.ts'
import { askAll, rowsOf, type Cases, type Told } from './library.ts'

const folder = mkdtempSync(join(tmpdir(), 'checks-'))
async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}
const made = certificate(folder, 'server')
const files = { 'server.crt': readFileSync(made.cert, 'utf8') }
/** Whoever only looks at a certificate hangs up without a word. */
const patient = (socket: Socket) => socket.on('error', () => undefined)
const tls = () => createTls({ key: readFileSync(made.key), cert: files['server.crt'] }, patient)
const secure = tls()
const plain = createPlain((socket) => patient(socket).end('hello\n'))
const securePort = await listening(secure)
const plainPort = await listening(plain)

const names = dnsServer({
  'app.test': { A: ['203.0.113.7', '203.0.113.8'] },
  'www.test': { CNAME: ['App.test'] },
  'mail.test': { MX: ['mx.test'] },
})
await new Promise<void>((resolve) => names.bind(0, '127.0.0.1', resolve))
const server = `127.0.0.1:${names.address().port}`

const here = { host: '127.0.0.1', port: securePort, ca: 'server.crt' }
const app = { name: 'app.test', server }

const cases: Cases = {
  'tls-expiry': {
    holds: [[{ ...here }], [{ ...here, host: 'localhost', days: 80 }]],
    does_not_hold: [
      [{ ...here, days: 91 }],
      [{ ...here, ca: '' }],
      [{ ...here, host: '127.0.0.2' }],
    ],
    cannot_tell: [
      [{ ...here, port: 1 }, { says: 'ECONNREFUSED' }],
      [{ ...here, port: plainPort }, { says: 'no TLS' }],
      [{ ...here, ca: 'none.crt' }, { says: 'ENOENT' }],
    ],
  },
  'port-listens': {
    holds: [
      [{ port: plainPort }],
      [{ port: 1, open: false }],
      [{ host: 'localhost', port: plainPort }],
    ],
    does_not_hold: [[{ port: 1 }], [{ port: plainPort, open: false }]],
    cannot_tell: [[{ host: 'nowhere.invalid', port: 80 }, { says: 'nowhere.invalid' }]],
  },
  dns: {
    holds: [
      [{ ...app }],
      [{ ...app, values: '203.0.113.8' }],
      [{ ...app, values: '203.0.113.8 203.0.113.7', only: true }],
      [{ name: 'www.test', server, type: 'CNAME', values: 'app.test.' }],
      [{ name: 'mail.test', server, type: 'MX', values: 'mx.test' }],
    ],
    does_not_hold: [
      [{ ...app, values: '203.0.113.9' }],
      [{ ...app, values: '203.0.113.8', only: true }],
      [{ ...app, type: 'MX' }],
      [{ name: 'none.test', server }],
    ],
    cannot_tell: [
      [{ name: 'broken.test', server }, { says: 'ESERVFAIL' }],
      [{ name: 'app.test', server: '127.0.0.1:1' }, { says: 'app.test' }],
    ],
  },
}

let told: Map<string, Told>
beforeAll(async () => {
  // The other address of this machine, for which the certificate is not.
  const other = tls()
  await new Promise<void>((resolve) => other.listen(securePort, '127.0.0.2', resolve))
  told = await askAll(cases, { files })
  other.close()
}, 240_000)
afterAll(() => {
  secure.close()
  plain.close()
  names.close()
  rmSync(folder, { recursive: true })
})

test.each(rowsOf(cases))('$name', ({ name, answer, given: [, { says = '' } = {}] }) => {
  const found = told.get(name)
  expect(found, JSON.stringify(found)).toMatchObject({ answer })
  expect(found?.reason ?? '').toContain(says)
})
