// Guests and staff of a hotel.
import { randomUUID } from 'node:crypto'
import type { Feature } from '../app.ts'
import { Refusal } from '../../../../shared/kit/http.ts'
import {
  email,
  fields,
  oneOf,
  optionalId,
  optionalText,
  text,
} from '../../../../shared/kit/input.ts'

interface UserRow {
  id: string
  email: string
  name: string | null
  hotelId: string
  role: string
}

const SELECT = `SELECT u.id, u.email, u.name, u."hotelId", r.key AS role
                  FROM "User" u JOIN "Role" r ON r.id = u."roleId"`

export const users: Feature = {
  name: 'users',
  routes: (app) => [
    {
      method: 'POST',
      path: '/api/users/create',
      async handle(call) {
        const caller = await app.identity.caller(call)
        await app.identity.need(caller, 'users.manage')
        const given = fields(call.body, ['id', 'email', 'name', 'hotelId', 'role'])
        const id = optionalId(given, 'id') ?? randomUUID()
        const address = email(given, 'email')
        const name = optionalText(given, 'name') ?? null
        const hotelId = text(given, 'hotelId', 100)
        const role =
          given['role'] === undefined ? 'guest' : oneOf(given, 'role', ['guest', 'staff'])
        const hotels = await app.db.query('SELECT 1 FROM "Hotel" WHERE id = $1', [hotelId])
        if (hotels.length === 0) throw new Refusal(404, 'no such hotel')
        await app.db.query(
          `INSERT INTO "User" (id, email, name, "hotelId", "roleId", "createdAt")
           SELECT $1, $2, $3, $4, r.id, $6 FROM "Role" r WHERE r.key = $5
           ON CONFLICT DO NOTHING`,
          [id, address, name, hotelId, role, app.now()],
        )
        // The same request again finds its own user and is answered alike; another
        // user under that id or address is a conflict.
        const [row] = await app.db.query<UserRow>(`${SELECT} WHERE u.id = $1`, [id])
        if (
          row === undefined ||
          row.email !== address ||
          row.hotelId !== hotelId ||
          row.role !== role
        ) {
          throw new Refusal(409, 'another user has this id or e-mail address')
        }
        return { status: 201, json: row }
      },
    },
    {
      method: 'GET',
      path: '/api/users/:id',
      async handle(call) {
        await app.identity.need(await app.identity.caller(call), 'users.manage')
        const [row] = await app.db.query<UserRow>(`${SELECT} WHERE u.id = $1`, [call.params['id']])
        if (row === undefined) throw new Refusal(404, 'no such user')
        return { status: 200, json: row }
      },
    },
    {
      method: 'DELETE',
      path: '/api/users/:id',
      async handle(call) {
        await app.identity.need(await app.identity.caller(call), 'users.manage')
        const id = call.params['id'] ?? ''
        if (id === 'user-admin') throw new Refusal(409, 'the administrator cannot be removed')
        try {
          const gone = await app.db.query('DELETE FROM "User" WHERE id = $1 RETURNING id', [id])
          if (gone.length === 0) throw new Refusal(404, 'no such user')
        } catch (error) {
          // 23503: something still points at this user, for example a token.
          if ((error as { code?: string }).code === '23503')
            throw new Refusal(409, 'the user still has tokens or messages')
          throw error
        }
        return { status: 200, json: { deleted: id } }
      },
    },
  ],
}
