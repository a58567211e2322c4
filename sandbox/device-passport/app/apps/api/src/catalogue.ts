// How many devices there are: the start page asks for it.
import type { Feature } from './app.ts'
import { forEverybody } from './limits.ts'

export const catalogue: Feature = {
  routes(app) {
    return forEverybody(app, [
      {
        method: 'GET',
        path: '/api/v1/catalogue',
        async handle() {
          const [row] = await app.db.query<{ n: number }>('SELECT count(*) AS n FROM devices')
          return { status: 200, json: { devices: row?.n ?? 0 } }
        },
      },
    ])
  },
}
