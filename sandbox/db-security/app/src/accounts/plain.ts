// As the previous release kept it: in plain text.
import type { Keeping } from './users.ts'

const COLUMN = { twoFactorSecret: 'two_factor_secret', phone: 'phone_number' } as const

export const plainColumns: Keeping = {
  async read(app, user) {
    const [row] = await app.db.query<{ secret: string | null; phone: string | null }>(
      'SELECT two_factor_secret AS secret, phone_number AS phone FROM users WHERE id = $1',
      [user],
    )
    return { twoFactorSecret: row?.secret ?? undefined, phone: row?.phone ?? undefined }
  },
  async write(app, user, change) {
    for (const name of ['twoFactorSecret', 'phone'] as const) {
      if (!(name in change)) continue
      const statement = `UPDATE users SET ${COLUMN[name]} = $2 WHERE id = $1`
      await app.db.query(statement, [user, change[name] ?? null])
    }
  },
}
