// The built release, before it serves: it starts, says what it is, and guards
// its routes. No database is given to it, so nothing can be changed by it.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { after, before, test } from 'node:test'

const release = process.env['RELEASE'] ?? ''
const folder = join(process.env['RELEASES'] ?? '', release)
let server: ChildProcess
let url = ''

before(async () => {
  server = spawn(process.execPath, [join(folder, 'src/main.js')], {
    cwd: folder,
    env: {
      PATH: process.env['PATH'],
      PORT: '0',
      // Port 9 of this machine: nobody answers there.
      DATABASE_URL: 'postgresql://nobody@127.0.0.1:9/none',
      ADMIN_TOKEN: randomBytes(24).toString('hex'),
      NEXTAUTH_SECRET: randomBytes(24).toString('hex'),
    },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const port = await new Promise<number>((resolve, reject) => {
    server.once('message', (m) => resolve((m as { port: number }).port))
    server.once('exit', () => reject(new Error(`the release in ${folder} does not start`)))
  })
  url = `http://127.0.0.1:${port}`
})
after(() => server.kill('SIGTERM'))

test('it says its version', async () =>
  assert.deepEqual(await (await fetch(`${url}/version`)).json(), { version: release }))
test('its QR routes ask for a credential', async () => {
  for (const path of ['/api/qr/tokens?hotelId=x', '/dashboard/admin/qr'])
    assert.equal((await fetch(url + path)).status, 401)
  const made = await fetch(`${url}/api/qr/generate`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{}',
  })
  assert.equal(made.status, 401)
})
test('a forged token is refused', async () => {
  const body = JSON.stringify({ token: 'a.b.c', hotelId: 'hotel-1' })
  assert.equal(
    (
      await fetch(`${url}/api/qr/validate`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
      })
    ).status,
    401,
  )
})
test('an unknown route is 404', async () =>
  assert.equal((await fetch(`${url}/nothing`)).status, 404))
