// node scripts/flow.ts NAME: one thing that people do, as they do it, with an
// account of its own (named by RUNBOOK_RUN_ID). Whatever an attempt before left of
// that account goes first, so that a flow can be tried again.
import { randomBytes } from 'node:crypto'
import { codeAt } from '../src/accounts/totp.ts'
import { ask, expectStatus, messageTo, remove } from './client.ts'

const name = process.argv[2] ?? ''
const run = process.env['RUNBOOK_RUN_ID'] ?? 'by-hand'
const id = `${run}-${name}`
const email = `trial-${id}@lockr.example`
const password = randomBytes(18).toString('base64url')

async function signUp(): Promise<void> {
  await remove(id)
  await expectStatus(201, ask('POST', '/api/signup', { id, email, password }))
}

async function logIn(using = password): Promise<string> {
  const json = await expectStatus(200, ask('POST', '/api/login', { email, password: using }))
  if (typeof json['session'] !== 'string') throw new Error('a second factor is asked for')
  return json['session']
}

const FLOWS: Readonly<Record<string, () => Promise<void>>> = {
  /** An account is made, and made again without harm. */
  async signup() {
    await signUp()
    await expectStatus(201, ask('POST', '/api/signup', { id, email, password }))
  },

  /** Login without a second factor, and the vault behind it. */
  async login() {
    await signUp()
    const json = await expectStatus(
      200,
      ask('GET', '/api/items', undefined, { session: await logIn() }),
    )
    if (!Array.isArray(json['items'])) throw new Error('no items')
    await expectStatus(401, ask('POST', '/api/login', { email, password: 'not-the-password' }))
  },

  /** A second factor is enrolled, and from then on asked for. */
  async second_factor() {
    await signUp()
    const session = await logIn()
    const { secret } = await expectStatus(200, ask('POST', '/api/second-factor', {}, { session }))
    const code = (shift = 0): string => codeAt(String(secret), new Date(), shift)
    await expectStatus(
      200,
      ask('POST', '/api/second-factor/confirm', { code: code() }, { session }),
    )
    const { ticket } = await expectStatus(200, ask('POST', '/api/login', { email, password }))
    await expectStatus(401, ask('POST', '/api/login/second-factor', { ticket, code: code(1000) }))
    const json = await expectStatus(
      200,
      ask('POST', '/api/login/second-factor', { ticket, code: code() }),
    )
    if (typeof json['session'] !== 'string') throw new Error('no session')
  },

  /** A phone number is confirmed by the code that was sent to it. */
  async sms() {
    await signUp()
    const session = await logIn()
    const phone = process.env['TRIAL_PHONE'] ?? ''
    const from = new Date()
    await expectStatus(202, ask('POST', '/api/phone', { phone }, { session }))
    const code = /(\d{6})$/.exec(await messageTo(phone, from))?.[1]
    await expectStatus(200, ask('POST', '/api/phone/confirm', { code }, { session }))
    const me = await expectStatus(200, ask('GET', '/api/me', undefined, { session }))
    if (me['phone'] !== phone) throw new Error('the number is not the one that was confirmed')
  },

  /** A new password by mail; the way to it works once, and the old one no longer. */
  async reset() {
    await signUp()
    const from = new Date()
    await expectStatus(202, ask('POST', '/api/password/forgot', { email }))
    const token = (await messageTo(email, from)).split(' ').at(-1)
    const next = randomBytes(18).toString('base64url')
    await expectStatus(200, ask('POST', '/api/password/reset', { token, password: next }))
    await expectStatus(401, ask('POST', '/api/password/reset', { token, password: next }))
    await expectStatus(401, ask('POST', '/api/login', { email, password }))
    await logIn(next)
  },
}

const flow = FLOWS[name]
if (flow === undefined) {
  process.stderr.write(`usage: flow.ts ${Object.keys(FLOWS).join('|')}\n`)
  process.exit(2)
}
await flow()
process.stdout.write(`${name}: good\n`)
