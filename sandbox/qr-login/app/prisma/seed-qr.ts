// The four permissions of the QR login. Run again it changes nothing.
import { openDatabase } from '../../../shared/kit/database.ts'

const ACTIONS = ['generate', 'list', 'revoke', 'validate'] as const

const url = process.env['DATABASE_URL']
if (url === undefined || url === '') {
  process.stderr.write('DATABASE_URL is not set\n')
  process.exit(1)
}
const db = openDatabase(url, () => undefined)
try {
  let made = 0
  for (const action of ACTIONS) {
    const title = action[0]?.toUpperCase() + action.slice(1)
    const rows = await db.query(
      `INSERT INTO "Permission" (id, key, name, "group", resource, action)
       VALUES ($1, $2, $3, 'qr', 'tokens', $4) ON CONFLICT (key) DO NOTHING RETURNING id`,
      [`perm-qr-tokens-${action}`, `qr.tokens.${action}`, `${title} QR Tokens`, action],
    )
    made += rows.length
    process.stdout.write(`${rows.length === 1 ? 'made' : 'there'}: qr.tokens.${action}\n`)
  }
  process.stdout.write(`${made} permissions made, ${ACTIONS.length - made} were there\n`)
} finally {
  await db.end()
}
