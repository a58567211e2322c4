// The socket over which a page hears of scans at once. Who connects is told so.
import type { Server } from 'node:http'
import { WebSocketServer } from 'ws'
import type { App } from './app.ts'

export function openSockets(server: Server, app: App): void {
  const sockets = new WebSocketServer({ server, path: '/api/ws', maxPayload: 1024 })
  sockets.on('connection', (socket) => {
    app.metrics.sockets(1)
    socket.on('close', () => app.metrics.sockets(-1))
    socket.on('error', () => socket.terminate())
    socket.send(JSON.stringify({ hello: app.release.version }))
  })
  // Who is connected would keep the process from ending.
  process.once('SIGTERM', () => {
    for (const socket of sockets.clients) socket.close(1001)
  })
}
