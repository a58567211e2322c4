// As this release keeps it: sealed. While the columns in plain text are still
// there they are written too, so that the previous release, put back, finds
// what was stored meanwhile; once they are gone nothing is written to them.
import type { App } from '../app.ts'
import type { Keeping } from '../accounts/users.ts'
import { type Cipher, type Column, makeCipher, readKey } from './cipher.ts'

const COLUMN = { twoFactorSecret: 'two_factor_secret', phone: 'phone_number' } as const
const BOTH = 'UPDATE users SET encrypted_COLUMN = $2, COLUMN = $3 WHERE id = $1'
const SEALED = 'UPDATE users SET encrypted_COLUMN = $2 WHERE id = $1'
/** PostgreSQL's word for a column that is not there. */
const NO_COLUMN = '42703'

const ciphers = new WeakMap<App, Cipher>()

export function cipherOf(app: App): Cipher {
  const made = ciphers.get(app)
  if (made !== undefined) return made
  if (app.config.encryptionKey === undefined) throw new Error('SYSTEM_ENCRYPTION_KEY is not set')
  const cipher = makeCipher(readKey(app.config.encryptionKey))
  ciphers.set(app, cipher)
  return cipher
}

function opened(app: App, column: Column, user: string, sealed: string | null | undefined) {
  if (sealed == null) return undefined
  try {
    return cipherOf(app).open(column, user, sealed)
  } catch (error) {
    app.metrics.cannotOpen()
    app.log('error', 'a sealed value cannot be opened', { column, user })
    throw error
  }
}

let plainIsThere = true

async function writeOne(app: App, user: string, column: Column, value: string | undefined) {
  const sealed = value === undefined ? null : cipherOf(app).seal(column, user, value)
  if (plainIsThere) {
    try {
      await app.db.query(BOTH.replaceAll('COLUMN', column), [user, sealed, value ?? null])
      return
    } catch (error) {
      if ((error as { code?: string }).code !== NO_COLUMN) throw error
      plainIsThere = false
    }
  }
  await app.db.query(SEALED.replaceAll('COLUMN', column), [user, sealed])
}

export const sealedColumns: Keeping = {
  async read(app, user) {
    const [row] = await app.db.query<{ secret: string | null; phone: string | null }>(
      `SELECT encrypted_two_factor_secret AS secret, encrypted_phone_number AS phone
         FROM users WHERE id = $1`,
      [user],
    )
    return {
      twoFactorSecret: opened(app, 'two_factor_secret', user, row?.secret),
      phone: opened(app, 'phone_number', user, row?.phone),
    }
  },
  async write(app, user, change) {
    for (const name of ['twoFactorSecret', 'phone'] as const)
      if (name in change) await writeOne(app, user, COLUMN[name], change[name])
  },
}
