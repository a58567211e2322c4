/** One mail through one server. */
import { Socket } from 'node:net'
import { createTransport } from 'nodemailer'

export interface MailAddress {
  name: string
  address: string
}

/** Who takes the mail: `secure` is TLS from the first byte, else STARTTLS wherever it is offered. */
export interface MailHost {
  host: string
  port: number
  secure: boolean
  user?: string
  password?: string
}

export interface Mail {
  from: MailAddress
  to: MailAddress[]
  subject: string
  text: string
}

/**
 * Hands a mail over. Throws a plain error, without the password, when it was not taken by all; `signal`
 * ends it at once. A password is never sent over a line that others could read.
 */
export async function sendMail(
  { host, port, secure, user, password }: MailHost,
  mail: Mail,
  { signal, timeout_ms }: { signal: AbortSignal; timeout_ms: number },
): Promise<void> {
  const socket = new Socket()
  const transport = createTransport({
    host,
    port,
    secure,
    socket,
    requireTLS: !secure && password !== undefined && !isHere(host),
    ...(user !== undefined && { auth: { user, pass: password ?? '' } }),
    // The one who asked has a clock of its own; these only keep nodemailer's from being shorter.
    connectionTimeout: timeout_ms + 1000,
    greetingTimeout: timeout_ms + 1000,
    socketTimeout: timeout_ms + 1000,
    dnsTimeout: timeout_ms + 1000,
    socketCloseTimeout: 0,
    disableFileAccess: true,
    disableUrlAccess: true,
  })
  const end = () => socket.destroy(new Error('it was given up'))
  signal.addEventListener('abort', end)
  try {
    const { rejected } = await transport.sendMail(mail)
    if (rejected.length > 0) throw new Error(`${host} refused ${rejected.length} of its recipients`)
  } catch (error) {
    throw new Error(`${host}:${port}: ${reason(error)}`, { cause: error })
  } finally {
    signal.removeEventListener('abort', end)
    transport.close()
    socket.destroy()
  }
}

const WORDS: Record<string, string> = {
  ECONNREFUSED: 'the connection was refused',
  ECONNRESET: 'the connection was reset',
  ENOTFOUND: 'no such host',
  EDNS: 'the name of the host cannot be looked up',
  EAUTH: 'user and password were refused',
  ETLS: 'no safe connection could be made',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another host',
}

/** In our words where they are better; a server's answer to a password may repeat it. */
function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { code, response } = error as Error & { code?: string; response?: string }
  for (const [known, word] of Object.entries(WORDS))
    if (code === known || error.message.includes(known)) return word
  if (/self.signed/i.test(error.message)) return WORDS['DEPTH_ZERO_SELF_SIGNED_CERT'] ?? ''
  return response ?? error.message
}

function isHere(host: string): boolean {
  return /^(localhost|127\.\d+\.\d+\.\d+|\[?::1\]?)$/i.test(host)
}
