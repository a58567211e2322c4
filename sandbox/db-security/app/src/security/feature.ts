// What this release adds to the health page: which key it seals with, and for
// how many of a hundred users logins are tracked.
import type { Feature } from '../app.ts'
import { cipherOf } from './sealed.ts'

export const security: Feature = {
  name: 'security',
  routes: () => [],
  health(app) {
    const facts = { tracking_percent: app.config.trackingPercent }
    try {
      return { problems: [], facts: { ...facts, key_id: cipherOf(app).keyId } }
    } catch (error) {
      return { problems: [(error as Error).message], facts }
    }
  },
}
