// Text messages and mails, through the gateway, and the codes that were sent.
import { randomInt } from 'node:crypto'
import type { App } from '../app.ts'
import { Refusal } from '../../../../shared/kit/http.ts'

const GOOD_FOR_MS = 10 * 60_000
const MOST_TRIES = 5

export async function send(app: App, to: string, text: string): Promise<void> {
  const answer = await fetch(app.config.messageGateway, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${app.config.adminToken}`,
    },
    body: JSON.stringify({ to, text }),
    signal: AbortSignal.timeout(5_000),
  })
  if (!answer.ok) throw new Error(`the message gateway answered ${answer.status}`)
}

/** A value that waits for its code, by user. A restart forgets it; one asks for another code then. */
export interface Waiting {
  /** The code to send, where one is sent. */
  begin(user: string, value: string): string
  /** The value, once; refused when the code does not fit, is too old or was tried too often. */
  finish(user: string, fits: (code: string, value: string) => boolean): string
}

export function makeWaiting(now: () => Date): Waiting {
  const waiting = new Map<string, { value: string; code: string; until: number; tries: number }>()
  return {
    begin(user, value) {
      const code = String(randomInt(1_000_000)).padStart(6, '0')
      waiting.set(user, { value, code, until: now().getTime() + GOOD_FOR_MS, tries: 0 })
      return code
    },
    finish(user, fits) {
      const found = waiting.get(user)
      if (found === undefined || found.until < now().getTime() || ++found.tries > MOST_TRIES)
        throw new Refusal(410, 'ask for another code')
      if (!fits(found.code, found.value)) throw new Refusal(401, 'not the code')
      waiting.delete(user)
      return found.value
    },
  }
}
