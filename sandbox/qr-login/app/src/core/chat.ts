// The protected part: a guest's messages to the hotel, behind a session.
import { randomUUID } from 'node:crypto'
import type { Feature } from '../app.ts'
import { Refusal } from '../../../../shared/kit/http.ts'
import { fields, text } from '../../../../shared/kit/input.ts'

export const chat: Feature = {
  name: 'chat',
  routes: (app) => [
    {
      method: 'GET',
      path: '/api/chat',
      async handle(call) {
        const caller = await app.identity.caller(call)
        await app.identity.need(caller, 'chat.messages.read')
        const messages = await app.db.query(
          `SELECT id, body, "createdAt" FROM "ChatMessage" WHERE "userId" = $1 ORDER BY "createdAt" DESC, id LIMIT 50`,
          [caller.id],
        )
        return {
          status: 200,
          json: { userId: caller.id, hotelId: caller.hotelId ?? null, messages },
        }
      },
    },
    {
      method: 'POST',
      path: '/api/chat',
      async handle(call) {
        const caller = await app.identity.caller(call)
        await app.identity.need(caller, 'chat.messages.write')
        if (caller.hotelId === undefined)
          throw new Refusal(409, 'only a guest or member of staff of a hotel can write')
        const body = text(fields(call.body, ['message']), 'message', 2_000)
        const id = randomUUID()
        await app.db.query(
          `INSERT INTO "ChatMessage" (id, "hotelId", "userId", body, "createdAt") VALUES ($1, $2, $3, $4, $5)`,
          [id, caller.hotelId, caller.id, body, app.now()],
        )
        return { status: 201, json: { id } }
      },
    },
  ],
}
