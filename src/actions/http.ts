/** `http`: one request. What is a value in `json` stays a value, in a URL it stays in its place. */
import { EXIT, failure } from '../core/errors.ts'
import type { HttpRequest } from '../core/runbook.ts'
import { textOf } from '../core/templates.ts'
import { httpFault, request, type Request } from '../lib/http.ts'
import { parseJson } from '../lib/json.ts'
import type { ActionContext, Verb } from './action.ts'
import { joinUrl } from './url.ts'
import { within } from './within.ts'

const TAIL_CHARACTERS = 2000

function headerValue(name: string, value: string): string {
  // A line break would begin another header.
  if (/[\r\n\0]/.test(value)) {
    throw failure(EXIT.usage, `the value of the header ${name} holds a line break`)
  }
  return value
}

/** CEL's whole numbers may be BigInt, which JSON does not know. */
const json = (value: unknown) =>
  JSON.stringify(value, (_key, part: unknown) =>
    typeof part !== 'bigint'
      ? part
      : Number.isSafeInteger(Number(part))
        ? Number(part)
        : part.toString(),
  )

/** The request with every value in its place. */
export function requestOf(action: HttpRequest, context: ActionContext): Request {
  const headers: Record<string, string> = {}
  for (const [name, template] of Object.entries(action.headers)) {
    headers[name.toLowerCase()] = headerValue(name, textOf(context.resolve(template)))
  }
  if (action.bearer !== undefined) {
    const token = textOf(context.resolve(action.bearer))
    headers.authorization = headerValue('authorization', `Bearer ${token}`)
  }
  const body =
    action.json !== undefined
      ? json(context.resolve(action.json))
      : action.body !== undefined
        ? textOf(context.resolve(action.body))
        : undefined
  if (action.json !== undefined) headers['content-type'] ??= 'application/json'
  headers['user-agent'] ??= 'runbook'
  const url = joinUrl(context.pieces(action.url))
  return { method: action.method, url, headers, ...(body === undefined ? {} : { body }) }
}

export const http: Verb<'http'> = {
  async perform(action, context) {
    const wanted = requestOf(action, context)
    await context.gate()
    const began = performance.now()
    const stop = new AbortController()
    let response
    try {
      response = await within(
        context,
        () => request(wanted, stop.signal),
        () => stop.abort(),
      )
    } catch (error) {
      const fault = httpFault(error)
      if (fault === undefined) throw error
      return { fields: {}, problem: { kind: 'cannot_tell', message: fault.message } }
    }
    const duration_ms = Math.round(performance.now() - began)
    if ('late' in response) {
      const message = response.late === 'timeout' ? 'no answer in time' : 'it was interrupted'
      return { fields: {}, problem: { kind: response.late, message } }
    }
    const { status, headers, body, bytes, cut } = response.value
    const value = cut ? undefined : parseJson(body)
    return {
      fields: {
        status,
        headers,
        body,
        ...(value === undefined ? {} : { json: value }),
        duration_ms,
      },
      ...(body === '' ? {} : { tail: context.mask(body).slice(-TAIL_CHARACTERS) }),
      ...(cut ? { notes: [`the body has ${bytes} bytes; expectations see its first MiB`] } : {}),
    }
  },
}
