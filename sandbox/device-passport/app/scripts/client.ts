// Requests to the API as a client sends them, for the trials of the runbook.
import { request } from 'node:http'
import { request as secure } from 'node:https'
import { randomInt } from 'node:crypto'

export interface Answer {
  status: number
  headers: Record<string, string | string[] | undefined>
  json: Record<string, unknown>
}

/** A variable that has to be set; its value is never shown. */
export function needed(name: string): string {
  const value = process.env[name]
  if (value === undefined || value === '') {
    process.stderr.write(`${name} is not set\n`)
    process.exit(2)
  }
  return value
}

/**
 * An address of this machine that nobody else has used. Where the API is on this machine all of 127/8 is
 * ours, so a trial of the limits spends those of no other; elsewhere there is only the one we have.
 */
export function ownAddress(url: string): string | undefined {
  if (!/^127\.|^localhost$/.test(new URL(url).hostname)) return undefined
  return `127.${randomInt(1, 255)}.${randomInt(0, 255)}.${randomInt(2, 255)}`
}

export interface Sent {
  body?: unknown
  token?: string | undefined
  from?: string | undefined
}

/** @param from the address that it is to come from */
export function send(
  method: string,
  url: string,
  { body, token, from }: Sent = {},
): Promise<Answer> {
  const ask = url.startsWith('https:') ? secure : request
  const text = body === undefined ? '' : JSON.stringify(body)
  const headers = {
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
  }
  const local = from === undefined ? {} : { localAddress: from }
  return new Promise((resolve, reject) => {
    const asked = ask(url, { method, headers, timeout: 10_000, ...local }, (answer) => {
      let said = ''
      answer.setEncoding('utf8').on('data', (part: string) => (said += part))
      answer.on('end', () => {
        const isJson = (answer.headers['content-type'] ?? '').startsWith('application/json')
        resolve({
          status: answer.statusCode ?? 0,
          headers: answer.headers,
          json: isJson && said !== '' ? (JSON.parse(said) as Record<string, unknown>) : {},
        })
      })
    })
    asked.on('timeout', () => asked.destroy(new Error('no answer in time')))
    asked.on('error', reject)
    asked.end(text)
  })
}

/** What this run's trial objects are called. */
export const trialId = (what: string): string => `${needed('RUNBOOK_RUN_ID')}-${what}`
export const trialEmail = (): string =>
  `runbook-${needed('RUNBOOK_RUN_ID')}@device-passport.example`

export async function login(email: string, password: string): Promise<Record<string, unknown>> {
  const url = `${needed('API_URL')}/api/v1/auth/login`
  const { status, json } = await send('POST', url, { body: { email, password } })
  if (status !== 200) throw new Error(`the login answered ${status}`)
  return json
}

export const answerWith = (facts: Record<string, unknown>): boolean =>
  process.stdout.write(JSON.stringify(facts) + '\n')
