/** A real Redis for one test file, where redis-server is installed. */
import { spawn, spawnSync } from 'node:child_process'
import { createServer, type AddressInfo } from 'node:net'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export const redis = spawnSync('redis-server', ['--version']).status === 0

/** Says in the title why a test is skipped. */
export const titled = (title: string): string =>
  redis ? title : `${title} (SKIPPED: redis-server is not installed)`

/** A port that nobody listens on. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** Starts one with these settings, and, where a certificate is given, TLS on a second port. */
export async function startRedis(
  settings: readonly string[],
  tls?: { cert: string; key: string },
): Promise<{ port: number; tlsPort: number; stop: () => Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), 'redis-'))
  const port = await freePort()
  const tlsPort = await freePort()
  const lines = ['bind 127.0.0.1', `port ${port}`, `dir ${folder}`, ...settings]
  if (tls !== undefined)
    lines.push(
      `tls-port ${tlsPort}`,
      `tls-cert-file ${tls.cert}`,
      `tls-key-file ${tls.key}`,
      'tls-auth-clients no',
    )
  // The settings, a password among them, come by its standard input.
  const child = spawn('redis-server', ['-'], { stdio: ['pipe', 'pipe', 'inherit'] })
  child.stdin.end(lines.join('\n'))
  const ended = new Promise((resolve) => child.once('exit', resolve))
  await new Promise<void>((resolve, reject) => {
    let said = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text
      if (said.includes('Ready to accept connections')) resolve()
    })
    child.once('exit', () => reject(new Error(`redis-server ended: ${said}`)))
  })
  return {
    port,
    tlsPort,
    async stop() {
      child.kill()
      await ended
      rmSync(folder, { recursive: true })
    },
  }
}
