// Devices and their passports.
import { randomUUID } from 'node:crypto'
import { readCode } from '../../../packages/shared/src/passport.ts'
import { type Call, Refusal, type Reply } from '../../../../../shared/kit/http.ts'
import { fields, oneOf, optionalId, text, wholeParam } from '../../../../../shared/kit/input.ts'
import { type Feature, audit } from './app.ts'
import { caller } from './auth.ts'
import { forApi } from './limits.ts'

interface Device {
  id: string
  passport_code: string
  name: string
  status: string
}

const STATES = ['in service', 'in repair', 'retired'] as const
const shown = ({ id, passport_code, name, status }: Device): Record<string, string> => ({
  id,
  code: passport_code,
  name,
  status,
})

export const devices: Feature = {
  routes(app) {
    const { db, store, metrics } = app

    async function list(call: Call): Promise<Reply> {
      await caller(app, call)
      const page = wholeParam(call.query, 'page', 1, 1, 100_000)
      const rows = await db.query<Device>(
        'SELECT * FROM devices ORDER BY passport_code LIMIT 20 OFFSET $1',
        [(page - 1) * 20],
      )
      return { status: 200, json: { devices: rows.map(shown), page } }
    }

    async function one(call: Call): Promise<Reply> {
      await caller(app, call)
      const id = call.params['id'] ?? ''
      const kept = await store.get(`device:${id}`)
      metrics.cached(kept !== undefined)
      if (kept !== undefined) return { status: 200, json: JSON.parse(kept) as unknown }
      const [device] = await db.query<Device>('SELECT * FROM devices WHERE id = $1', [id])
      if (device === undefined) throw new Refusal(404, 'no such device')
      await store.set(`device:${id}`, JSON.stringify(shown(device)), 900)
      return { status: 200, json: shown(device) }
    }

    async function create(call: Call): Promise<Reply> {
      const user = await caller(app, call, ['admin', 'engineer'])
      const given = fields(call.body, ['id', 'code', 'name'])
      const code = text(given, 'code', 40)
      if (readCode(code) === undefined) throw new Refusal(400, 'code is not one of a passport')
      const [device] = await db.query<Device>(
        `INSERT INTO devices (id, passport_code, name, owner_id) VALUES ($1, $2, $3, $4)
         ON CONFLICT DO NOTHING RETURNING *`,
        [optionalId(given, 'id') ?? randomUUID(), code, text(given, 'name', 100), user.id],
      )
      if (device === undefined) throw new Refusal(409, 'there is such a device')
      await audit(app, user.id, 'device made', device.id)
      return { status: 201, json: shown(device) }
    }

    async function change(call: Call): Promise<Reply> {
      const user = await caller(app, call, ['admin', 'engineer'])
      const status = oneOf(fields(call.body, ['status']), 'status', STATES)
      const [device] = await db.query<Device>(
        'UPDATE devices SET status = $2, updated_at = now() WHERE id = $1 RETURNING *',
        [call.params['id'] ?? '', status],
      )
      if (device === undefined) throw new Refusal(404, 'no such device')
      await store.remove(`device:${device.id}`)
      await audit(app, user.id, 'device changed', device.id)
      return { status: 200, json: shown(device) }
    }

    return forApi(app, [
      { method: 'GET', path: '/api/v1/devices', handle: list },
      { method: 'POST', path: '/api/v1/devices', handle: create },
      { method: 'GET', path: '/api/v1/devices/:id', handle: one },
      { method: 'PATCH', path: '/api/v1/devices/:id', handle: change },
    ])
  },
}
