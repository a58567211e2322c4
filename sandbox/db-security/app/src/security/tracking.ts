// Who logs in when, who fails how often; five failures lock an account for a
// while. For so many of a hundred users as the feature flag says.
import { createHash } from 'node:crypto'
import type { App } from '../app.ts'
import type { Tracking } from '../accounts/tracking.ts'

const MOST_FAILURES = 5
const LOCK = "interval '15 minutes'"

/** Where in a hundred a user stands; the same for ever, so that 50 % includes the 10 % before. */
export const bucketOf = (user: string): number =>
  createHash('sha256').update(user).digest().readUInt32BE(0) % 100

const tracked = (app: App, user: string): boolean => bucketOf(user) < app.config.trackingPercent

export const tracking: Tracking = {
  async locked(app, user) {
    if (!tracked(app, user)) return false
    const rows = await app.db.query(
      'SELECT 1 FROM users WHERE id = $1 AND account_locked_until > now()',
      [user],
    )
    return rows.length > 0
  },
  async succeeded(app, user) {
    if (!tracked(app, user)) return
    await app.db.query(
      `UPDATE users SET last_login_at = now(), failed_login_attempts = 0, account_locked_until = NULL
        WHERE id = $1`,
      [user],
    )
  },
  async failed(app, user) {
    if (!tracked(app, user)) return
    await app.db.query(
      `UPDATE users SET last_failed_login_at = now(), failed_login_attempts = failed_login_attempts + 1,
              account_locked_until = CASE WHEN failed_login_attempts + 1 >= ${MOST_FAILURES}
                                          THEN now() + ${LOCK} ELSE account_locked_until END
        WHERE id = $1`,
      [user],
    )
  },
}
