/** Servers that take messages, as real as those of a company: HTTP, and SMTP with or without TLS. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SMTPServer, type SMTPServerOptions } from 'smtp-server'

interface Posted {
  url: string
  headers: IncomingHttpHeaders
  body: string
}

export interface Hooks {
  url: string
  posted: Posted[]
  /** What is answered; 0 is no answer at all. */
  status: number
  close: () => Promise<void>
}

/** Takes everything that is posted. */
export async function hooks(): Promise<Hooks> {
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (text: string) => (body += text))
    request.on('end', () => {
      self.posted.push({ url: request.url ?? '', headers: request.headers, body })
      if (self.status === 0) return
      response.writeHead(self.status).end(`you asked for ${request.url ?? ''}`)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const self: Hooks = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    posted: [],
    status: 200,
    close: () => {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
  return self
}

interface Received {
  from: string
  to: string[]
  /** The mail as it came, headers and all. */
  raw: string
  /** Whether the line was encrypted. */
  secure: boolean
  user: string | undefined
}

export interface Post {
  port: number
  received: Received[]
  close: () => Promise<void>
}

/** A mail server on 127.0.0.1; it knows the user `ops` with the password `s3same-open`. */
export async function postOffice(options: SMTPServerOptions = {}): Promise<Post> {
  const received: Received[] = []
  const server = new SMTPServer({
    authOptional: true,
    logger: false,
    closeTimeout: 100,
    onAuth({ username, password }, _session, callback) {
      if (username === 'ops' && password === 's3same-open') callback(null, { user: username })
      else callback(new Error(`no such user: ${username} ${password}`))
    },
    onData(stream, { envelope, secure, user }, callback) {
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('end', () => {
        const raw = Buffer.concat(chunks).toString()
        const from = envelope.mailFrom === false ? '' : envelope.mailFrom.address
        const to = envelope.rcptTo.map(({ address }) => address)
        received.push({ from, to, raw, secure, user: user as string | undefined })
        callback()
      })
    },
    ...options,
  })
  server.on('error', () => undefined)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  return {
    port: (server.server.address() as AddressInfo).port,
    received,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  }
}

/** A certificate for localhost and 127.0.0.1 that nobody knows yet, and its key. */
export function certificate(): { key: string; cert: string } {
  const folder = mkdtempSync(join(tmpdir(), 'certificate-'))
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const names = 'subjectAltName=DNS:localhost,IP:127.0.0.1'
  execFileSync(
    'openssl',
    `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost
     -addext ${names} -keyout ${key} -out ${cert}`.split(/\s+/),
    { stdio: 'ignore' },
  )
  const made = { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') }
  rmSync(folder, { recursive: true })
  return made
}
