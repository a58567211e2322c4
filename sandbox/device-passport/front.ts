// What stands before the machine, as nginx would: TLS, and who asks without is sent to
// it. Both are on one port: the first byte tells which it is.
import { createServer, type IncomingMessage, type ServerResponse, request } from 'node:http'
import { createServer as createSecure } from 'node:https'
import { createServer as createGate, type Socket } from 'node:net'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { needed } from '../shared/host/host.ts'

const port = Number(needed('PORT'))
const behind = needed('APP_URL')
const dir = needed('RUNBOOK_SERVICE_DIR')

const secure = createSecure(
  { key: readFileSync(join(dir, 'key.pem')), cert: readFileSync(join(dir, 'cert.pem')) },
  (asked: IncomingMessage, answer: ServerResponse) => {
    const { method, headers } = asked
    const onward = request(
      behind + (asked.url ?? '/'),
      { method, headers: { ...headers, 'x-forwarded-proto': 'https' }, agent: false },
      (got) => {
        answer.writeHead(got.statusCode ?? 502, got.headers)
        got.pipe(answer)
      },
    )
    onward.on('error', () => {
      if (answer.headersSent) answer.destroy()
      else answer.writeHead(502).end()
    })
    asked.pipe(onward)
  },
)
const plain = createServer((asked, answer) => {
  const location = `https://${asked.headers.host ?? `127.0.0.1:${port}`}${asked.url ?? '/'}`
  answer.writeHead(308, { location }).end()
})

const gate = createGate((socket: Socket) => {
  socket.on('error', () => socket.destroy())
  socket.once('data', (first) => {
    socket.pause()
    socket.unshift(first)
    // A TLS handshake begins with 22.
    ;(first[0] === 22 ? secure : plain).emit('connection', socket)
    process.nextTick(() => socket.resume())
  })
})
gate.listen(port, '127.0.0.1')
process.on('SIGTERM', () => process.exit(0))
