// The API as the pages see it.
import type { Settings } from './settings.ts'

export interface Answer {
  ok: boolean
  status: number
  body: Record<string, unknown>
}

export type Ask = (method: string, path: string, body?: unknown) => Promise<Answer>

/** @param token gives the access token of who is logged in */
export function makeClient(
  { apiUrl }: Settings,
  token: () => string | undefined,
  send: typeof fetch = fetch,
): Ask {
  return async (method, path, body) => {
    const credential = token()
    const answer = await send(apiUrl + path, {
      method,
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(credential === undefined ? {} : { authorization: `Bearer ${credential}` }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await answer.text()
    return {
      ok: answer.ok,
      status: answer.status,
      body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
    }
  }
}
