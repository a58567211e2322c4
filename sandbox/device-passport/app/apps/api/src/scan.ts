// What anybody sees who scans the code on a device.
import { readCode } from '../../../packages/shared/src/passport.ts'
import { type Call, Refusal, type Reply } from '../../../../../shared/kit/http.ts'
import type { Feature } from './app.ts'
import { forEverybody } from './limits.ts'

export const scan: Feature = {
  routes(app) {
    async function handle({ params }: Call): Promise<Reply> {
      const code = params['code'] ?? ''
      if (readCode(code) === undefined) throw new Refusal(400, 'not the code of a passport')
      const [device] = await app.db.query<{ id: string; name: string; status: string }>(
        'SELECT id, name, status FROM devices WHERE passport_code = $1',
        [code],
      )
      if (device === undefined) throw new Refusal(404, 'no device has this passport')
      await app.db.query('INSERT INTO device_scans (device_id) VALUES ($1)', [device.id])
      return { status: 200, json: { code, name: device.name, status: device.status } }
    }
    return forEverybody(app, [{ method: 'GET', path: '/api/v1/scan/:code', handle }])
  },
}
