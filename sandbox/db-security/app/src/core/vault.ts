// What the accounts are for: a list of things somebody keeps.
import type { Feature } from '../app.ts'
import { caller } from './callers.ts'

export const vault: Feature = {
  name: 'vault',
  routes: (app) => [
    {
      method: 'GET',
      path: '/api/items',
      async handle(call) {
        const items = await app.db.query(
          'SELECT id, title FROM vault_items WHERE user_id = $1 ORDER BY id',
          [await caller(app, call)],
        )
        return { status: 200, json: { items } }
      },
    },
  ],
}
