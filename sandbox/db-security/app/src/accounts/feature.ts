// Accounts: sign-up, login with and without a second factor, enrolment, phone
// numbers, new passwords. How the confidential values are kept, and whether
// logins are tracked, is the release's choice.
import { randomUUID } from 'node:crypto'
import type { App, Feature } from '../app.ts'
import { administrator, caller } from '../core/callers.ts'
import { type Call, Refusal, type Route } from '../../../../shared/kit/http.ts'
import { email, fields, optionalId, text } from '../../../../shared/kit/input.ts'
import { type Waiting, makeWaiting, send } from './messages.ts'
import { hashPassword, passwordFits } from './passwords.ts'
import { codeFits, newSecret } from './totp.ts'
import type { Tracking } from './tracking.ts'
import { type Keeping, byEmail, byId, createUser, removeUser, setPassword } from './users.ts'

const SESSION_MINUTES = 60
const TICKET_MINUTES = 5
const RESET_MINUTES = 30
const SHORTEST_PASSWORD = 12

function newPassword(call: Call): string {
  const password = text(fields(call.body, ['id', 'email', 'password', 'token']), 'password', 200)
  if (password.length < SHORTEST_PASSWORD)
    throw new Refusal(400, `a password has at least ${SHORTEST_PASSWORD} characters`)
  return password
}

function loginRoutes(app: App, keeping: Keeping, tracking: Tracking): Route[] {
  async function login(call: Call) {
    const from = fields(call.body, ['email', 'password'])
    const user = await byEmail(app, email(from, 'email'))
    const password = text(from, 'password')
    if (user === undefined) throw new Refusal(401, 'wrong address or password')
    if (await tracking.locked(app, user.id)) throw new Refusal(423, 'the account is locked')
    if (!(await passwordFits(password, user.password_hash))) {
      await tracking.failed(app, user.id)
      throw new Refusal(401, 'wrong address or password')
    }
    const { twoFactorSecret } = await keeping.read(app, user.id)
    if (twoFactorSecret !== undefined)
      return { ticket: await app.tokens.sign('ticket', user.id, TICKET_MINUTES) }
    await tracking.succeeded(app, user.id)
    return { session: await app.tokens.sign('session', user.id, SESSION_MINUTES) }
  }

  async function secondFactor(call: Call) {
    const from = fields(call.body, ['ticket', 'code'])
    const user = await app.tokens.read('ticket', text(from, 'ticket', 2000))
    const { twoFactorSecret } = await keeping.read(app, user)
    if (
      twoFactorSecret === undefined ||
      !codeFits(twoFactorSecret, text(from, 'code'), app.now())
    ) {
      await tracking.failed(app, user)
      throw new Refusal(401, 'not the code')
    }
    await tracking.succeeded(app, user)
    return { session: await app.tokens.sign('session', user, SESSION_MINUTES) }
  }

  async function counted(work: Promise<object>, count: (good: boolean) => void) {
    const json = await work.catch((error: unknown) => {
      // What is no login at all is neither a good one nor a bad one.
      if (!(error instanceof Refusal && error.status === 400)) count(false)
      throw error
    })
    count(true)
    return { status: 200, json }
  }

  return [
    {
      method: 'POST',
      path: '/api/login',
      handle: (call) => counted(login(call), (good) => app.metrics.login(good)),
    },
    {
      method: 'POST',
      path: '/api/login/second-factor',
      handle: (call) => counted(secondFactor(call), (good) => app.metrics.secondFactor(good)),
    },
  ]
}

function ownRoutes(app: App, keeping: Keeping): Route[] {
  const enrolling: Waiting = makeWaiting(app.now)
  const phones: Waiting = makeWaiting(app.now)
  return [
    {
      method: 'GET',
      path: '/api/me',
      async handle(call) {
        const user = await byId(app, await caller(app, call))
        if (user === undefined) throw new Refusal(401, 'no such user')
        const { twoFactorSecret, phone } = await keeping.read(app, user.id)
        const json = {
          id: user.id,
          email: user.email,
          phone,
          secondFactor: twoFactorSecret !== undefined,
        }
        return { status: 200, json }
      },
    },
    {
      method: 'POST',
      path: '/api/second-factor',
      async handle(call) {
        const secret = newSecret()
        enrolling.begin(await caller(app, call), secret)
        return { status: 200, json: { secret } }
      },
    },
    {
      method: 'POST',
      path: '/api/second-factor/confirm',
      async handle(call) {
        const user = await caller(app, call)
        const code = text(fields(call.body, ['code']), 'code')
        const twoFactorSecret = enrolling.finish(user, (_, secret) =>
          codeFits(secret, code, app.now()),
        )
        await keeping.write(app, user, { twoFactorSecret })
        return { status: 200, json: { secondFactor: true } }
      },
    },
    {
      method: 'POST',
      path: '/api/phone',
      async handle(call) {
        const user = await caller(app, call)
        const phone = text(fields(call.body, ['phone']), 'phone', 20)
        if (!/^\+\d{6,15}$/.test(phone)) throw new Refusal(400, 'phone must be like +390001234567')
        await send(app, phone, `Your code is ${phones.begin(user, phone)}`)
        return { status: 202 }
      },
    },
    {
      method: 'POST',
      path: '/api/phone/confirm',
      async handle(call) {
        const user = await caller(app, call)
        const given = text(fields(call.body, ['code']), 'code')
        const phone = phones.finish(user, (code) => code === given)
        await keeping.write(app, user, { phone })
        return { status: 200, json: { phone } }
      },
    },
  ]
}

function openRoutes(app: App): Route[] {
  return [
    {
      method: 'POST',
      path: '/api/signup',
      async handle(call) {
        const from = fields(call.body, ['id', 'email', 'password'])
        const id = optionalId(from, 'id') ?? randomUUID()
        const password_hash = await hashPassword(newPassword(call))
        if (!(await createUser(app, { id, email: email(from, 'email'), password_hash })))
          throw new Refusal(409, 'there is an account with this id or address')
        return { status: 201, json: { id } }
      },
    },
    {
      method: 'POST',
      path: '/api/password/forgot',
      async handle(call) {
        const to = email(fields(call.body, ['email']), 'email')
        const user = await byEmail(app, to)
        // The answer is the same for an address that nobody has.
        if (user !== undefined) {
          const token = await app.tokens.sign(`reset ${user.password_hash}`, user.id, RESET_MINUTES)
          await send(app, to, `Set a new password with ${user.id}/${token}`)
        }
        return { status: 202 }
      },
    },
    {
      method: 'POST',
      path: '/api/password/reset',
      async handle(call) {
        const [id = '', token = ''] = text(
          fields(call.body, ['token', 'password']),
          'token',
          2000,
        ).split('/')
        const user = await byId(app, id)
        if (user === undefined) throw new Refusal(401, 'not valid')
        // Signed for the password that it replaces, so it works once.
        await app.tokens.read(`reset ${user.password_hash}`, token)
        await setPassword(app, id, await hashPassword(newPassword(call)))
        return { status: 200, json: { id } }
      },
    },
    {
      method: 'DELETE',
      path: '/api/users/:id',
      async handle(call) {
        administrator(app, call)
        const id = call.params['id'] ?? ''
        if (!(await removeUser(app, id))) throw new Refusal(404, 'no such user')
        return { status: 200, json: { removed: id } }
      },
    },
  ]
}

export const accounts = (keeping: Keeping, tracking: Tracking): Feature => ({
  name: 'accounts',
  routes: (app) => [
    ...loginRoutes(app, keeping, tracking),
    ...ownRoutes(app, keeping),
    ...openRoutes(app),
  ],
})
