// Accounts are made by administrators.
import { randomUUID } from 'node:crypto'
import { type Call, Refusal, type Reply } from '../../../../../shared/kit/http.ts'
import { email, fields, oneOf, optionalId, text } from '../../../../../shared/kit/input.ts'
import { type Feature, audit } from './app.ts'
import { type User, caller, shown } from './auth.ts'
import { forApi } from './limits.ts'
import { keep, refuseWeak } from './passwords.ts'

export const users: Feature = {
  routes(app) {
    async function create(call: Call): Promise<Reply> {
      const admin = await caller(app, call, ['admin'])
      const given = fields(call.body, ['id', 'email', 'name', 'role', 'password'])
      const password = text(given, 'password')
      refuseWeak(password)
      const [user] = await app.db.query<User>(
        `INSERT INTO users (id, email, name, role, password_hash) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT DO NOTHING RETURNING *`,
        [
          optionalId(given, 'id') ?? randomUUID(),
          email(given, 'email'),
          text(given, 'name', 100),
          oneOf(given, 'role', ['admin', 'engineer', 'viewer']),
          await keep(password, app.config.bcryptRounds),
        ],
      )
      if (user === undefined) throw new Refusal(409, 'there is such an account')
      await audit(app, admin.id, 'account made', user.id)
      app.log('info', 'account made', { by: admin.id, user: user.id })
      return { status: 201, json: shown(user) }
    }
    return forApi(app, [{ method: 'POST', path: '/api/v1/users', handle: create }])
  },
}
