// The vault as somebody uses it from outside, past the maintenance page.
import { setTimeout as sleep } from 'node:timers/promises'

function needed(name: string): string {
  const value = process.env[name]
  if (value === undefined || value === '') throw new Error(`${name} is not set`)
  return value
}

export interface Answer {
  status: number
  json: Record<string, unknown>
}

export interface Asking {
  session?: string
  /** Left out, the maintenance page is passed by. */
  waits?: boolean
}

const app = needed('APP_URL').replace(/\/$/, '')
const pass = needed('ADMIN_TOKEN')

export async function ask(
  method: 'GET' | 'POST' | 'DELETE',
  path: string,
  body?: object,
  { session, waits = false }: Asking = {},
): Promise<Answer> {
  const answer = await fetch(app + path, {
    method,
    redirect: 'manual',
    headers: {
      ...(waits ? {} : { 'x-maintenance-pass': pass }),
      ...(session === undefined ? {} : { authorization: `Bearer ${session}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(10_000),
  })
  const text = await answer.text()
  const isJson = (answer.headers.get('content-type') ?? '').startsWith('application/json')
  return {
    status: answer.status,
    json: isJson && text !== '' ? (JSON.parse(text) as Record<string, unknown>) : { text },
  }
}

export async function expectStatus(
  status: number,
  asked: Promise<Answer>,
): Promise<Answer['json']> {
  const answer = await asked
  if (answer.status !== status)
    throw new Error(
      `${status} was expected, ${answer.status} came: ${String(answer.json['error'])}`,
    )
  return answer.json
}

/** Removes an account, whether or not it is there. */
export async function remove(id: string): Promise<void> {
  const { status } = await ask('DELETE', `/api/users/${id}`, undefined, { session: pass })
  if (status !== 200 && status !== 404) throw new Error(`an account is not removed: ${status}`)
}

/** What the newest message to an address says, once there is one that was sent after a moment. */
export async function messageTo(to: string, after: Date): Promise<string> {
  const url = `${needed('MESSAGES_URL')}/inbox?to=${encodeURIComponent(to)}`
  for (let attempt = 0; attempt < 40; attempt++) {
    const answer = await fetch(url, {
      headers: { authorization: `Bearer ${pass}` },
      signal: AbortSignal.timeout(10_000),
    })
    if (!answer.ok) throw new Error(`the inbox answered ${answer.status}`)
    const { messages } = (await answer.json()) as { messages: { at: string; text: string }[] }
    const newest = messages[0]
    if (newest !== undefined && new Date(newest.at) >= after) return newest.text
    await sleep(250)
  }
  throw new Error('no message came')
}
