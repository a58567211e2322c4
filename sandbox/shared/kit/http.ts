// Routes, requests and replies, without node:http: what a handler sees.

export interface Call {
  method: string
  path: string
  params: Readonly<Record<string, string>>
  query: URLSearchParams
  headers: Readonly<Record<string, string | undefined>>
  body: unknown
}

export interface Reply {
  status: number
  json?: unknown
  text?: string
  type?: string
  headers?: Readonly<Record<string, string>>
}

export interface Route {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  path: string
  handle: (call: Call) => Promise<Reply>
}

/** A refusal that the caller is to see; everything else becomes a 500 without details. */
export class Refusal extends Error {
  readonly status: number
  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

/** Matches `/api/qr/tokens/:id` against a path; undefined when it does not fit. */
export function matchPath(pattern: string, path: string): Record<string, string> | undefined {
  const want = pattern.split('/')
  const have = path.split('/')
  if (want.length !== have.length) return undefined
  const params: Record<string, string> = {}
  for (const [i, part] of want.entries()) {
    const value = have[i] ?? ''
    if (part.startsWith(':')) {
      if (value === '') return undefined
      try {
        params[part.slice(1)] = decodeURIComponent(value)
      } catch {
        throw new Refusal(400, 'the path is not valid percent-encoding')
      }
    } else if (part !== value) return undefined
  }
  return params
}

export function findRoute(
  routes: readonly Route[],
  method: string,
  path: string,
): { route: Route; params: Record<string, string> } {
  let pathKnown = false
  for (const route of routes) {
    const params = matchPath(route.path, path)
    if (params === undefined) continue
    pathKnown = true
    if (route.method === method) return { route, params }
  }
  if (pathKnown) throw new Refusal(405, 'method not allowed')
  throw new Refusal(404, 'no such route')
}

export function cookie(header: string | undefined, name: string): string | undefined {
  for (const part of (header ?? '').split(';')) {
    const at = part.indexOf('=')
    if (at > 0 && part.slice(0, at).trim() === name) return part.slice(at + 1).trim()
  }
  return undefined
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (c) => ENTITIES[c] ?? c)
}
