// The four checks after a deployment. Words go to stderr, the counts to stdout
// as JSON; the exit status is 1 when any check failed.
import { openDatabase } from '../../../shared/kit/database.ts'

function env(name: string): string {
  const value = process.env[name]
  if (value === undefined || value === '') throw new Error(`${name} is not set`)
  return value
}

const app = env('APP_URL').replace(/\/$/, '')
const db = openDatabase(env('DATABASE_URL'), () => undefined)

const get = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(app + path, { headers, redirect: 'manual', signal: AbortSignal.timeout(10_000) })

const CHECKS: readonly [name: string, holds: () => Promise<boolean>][] = [
  ['the application answers', async () => (await get('/api/health')).status === 200],
  ['the database answers', async () => (await db.query('SELECT 1')).length === 1],
  [
    'the table GuestStaffQRToken is there',
    async () =>
      (
        await db.query(
          `SELECT 1 FROM information_schema.tables WHERE table_name = 'GuestStaffQRToken'`,
        )
      ).length === 1,
  ],
  [
    'the administrator sees the dashboard',
    async () => {
      const answer = await get('/dashboard/admin/qr', {
        authorization: `Bearer ${env('ADMIN_TOKEN')}`,
      })
      return answer.status === 200 && (await answer.text()).includes('QR Code Management')
    },
  ],
]

let passed = 0
let failed = 0
for (const [name, holds] of CHECKS) {
  const ok = await holds().catch(() => false)
  if (ok) passed++
  else failed++
  process.stderr.write(`${ok ? 'passed' : 'FAILED'}: ${name}\n`)
}
await db.end()
process.stdout.write(JSON.stringify({ passed, failed }) + '\n')
process.exitCode = failed === 0 ? 0 : 1
