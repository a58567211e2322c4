// Gives the QR permissions to the role named by ROLE (admin). A role that is not
// there is a failure: going on would leave a login that nobody may manage.
import { openDatabase } from '../../../shared/kit/database.ts'

const role = process.env['ROLE'] ?? 'admin'
const url = process.env['DATABASE_URL']
if (url === undefined || url === '') {
  process.stderr.write('DATABASE_URL is not set\n')
  process.exit(1)
}
const db = openDatabase(url, () => undefined)
try {
  const [found] = await db.query<{ id: string }>('SELECT id FROM "Role" WHERE key = $1', [role])
  const [permissions] = await db.query<{ n: number }>(
    `SELECT count(*) AS n FROM "Permission" WHERE key LIKE 'qr.tokens.%'`,
  )
  if (found === undefined) {
    process.stderr.write(`role ${role} not found: nothing was assigned\n`)
    process.exitCode = 1
  } else if (permissions?.n !== 4) {
    process.stderr.write(
      `${permissions?.n ?? 0} of 4 permissions are there: seed them first; nothing was assigned\n`,
    )
    process.exitCode = 1
  } else {
    const made = await db.query(
      `INSERT INTO "RolePermission" ("roleId", "permissionId")
       SELECT $1, id FROM "Permission" WHERE key LIKE 'qr.tokens.%' ON CONFLICT DO NOTHING RETURNING "permissionId"`,
      [found.id],
    )
    process.stdout.write(
      `${made.length} permissions assigned to ${role}, ${4 - made.length} had been\n`,
    )
  }
} finally {
  await db.end()
}
