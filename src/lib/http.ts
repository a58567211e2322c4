/** One HTTP request, with a limit on time and size, and no redirect followed. */
import { EXIT, failure } from '../core/errors.ts'

export interface Request {
  method: string
  url: string
  headers: Record<string, string>
  body?: string
}

export interface Response {
  status: number
  /** Names in lower case; several of one name joined by a comma. */
  headers: Record<string, string>
  /** At most as much as expressions see. */
  body: string
  /** All of the body, as it was received. */
  bytes: number
  /** Whether the rest of the body was left out. */
  cut: boolean
}

/** Nobody answered, as opposed to an answer that one does not like. */
export interface HttpFault extends Error {
  httpFault: true
}

/** The fault that an error of this file carries; undefined for any other error. */
export function httpFault(error: unknown): HttpFault | undefined {
  return error instanceof Error && 'httpFault' in error ? (error as HttpFault) : undefined
}

/** What expressions see of a body. */
const SEEN_BYTES = 2 ** 20
/** More than this is not even waited for. */
const MOST_BYTES = 64 * 2 ** 20

const WORDS: Record<string, string> = {
  ECONNREFUSED: 'the connection was refused',
  ECONNRESET: 'the connection was reset',
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'the name of the host cannot be looked up now',
  ETIMEDOUT: 'no connection in time',
  UND_ERR_CONNECT_TIMEOUT: 'no connection in time',
  UND_ERR_SOCKET: 'the other side closed the connection',
  EHOSTUNREACH: 'no route to the host',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another host',
}

/** A reason without the address: a URL may carry what nobody should read. */
function reason(error: unknown): string {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    const { code, errors } = at as Error & { code?: string; errors?: unknown[] }
    const word = WORDS[code ?? '']
    if (word !== undefined) return word
    if (errors !== undefined && errors.length > 0) return reason(errors[0])
    if (at.cause === undefined) return at.message
  }
  return String(error)
}

/** Throws exit 2 for what is no http URL, and an `httpFault` when there was no answer. */
export async function request(
  { method, url, headers, body }: Request,
  signal: AbortSignal,
): Promise<Response> {
  const place = address(url)
  try {
    const response = await fetch(place, {
      method: method.toUpperCase(),
      headers,
      redirect: 'manual',
      signal,
      ...(body === undefined ? {} : { body }),
    })
    return {
      status: response.status,
      headers: Object.fromEntries(response.headers),
      ...(await read(response)),
    }
  } catch (error) {
    if (signal.aborted) throw error
    const message = `no answer from ${place.origin}: ${reason(error)}`
    throw Object.assign(new Error(message), { httpFault: true as const })
  }
}

function address(url: string): URL {
  const place = URL.canParse(url) ? new URL(url) : undefined
  if (place === undefined || !/^https?:$/.test(place.protocol)) {
    throw failure(EXIT.usage, 'the address of a request is not an http or https URL', {
      hint: 'write it whole: https://host/path',
    })
  }
  return place
}

async function read(
  response: globalThis.Response,
): Promise<Pick<Response, 'body' | 'bytes' | 'cut'>> {
  const chunks: Uint8Array[] = []
  let kept = 0
  let bytes = 0
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    const piece = chunk.subarray(0, SEEN_BYTES - kept)
    if (piece.length > 0) chunks.push(piece)
    kept += piece.length
    bytes += chunk.length
    if (bytes > MOST_BYTES) break
  }
  return { body: Buffer.concat(chunks).toString(), bytes, cut: bytes > kept }
}
