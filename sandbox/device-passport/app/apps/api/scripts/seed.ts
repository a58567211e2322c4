// pnpm db:seed: accounts and devices to develop with, with passwords that stand below
// and are known to everybody. So it refuses (exit code 3) where NODE_ENV says
// production, before it connects to anything; and where the database has accounts
// that it did not make, whatever NODE_ENV says: a laptop can point anywhere.
import { hash } from 'bcryptjs'
import pg from 'pg'
import { codeOf } from '../../../packages/shared/src/passport.ts'

const PEOPLE = [
  ['dev-admin', 'admin@device-passport.local', 'admin', 'Admin123!'],
  ['dev-engineer', 'engineer@device-passport.local', 'engineer', 'Engineer123!'],
  ['dev-viewer', 'viewer@device-passport.local', 'viewer', 'Viewer123!'],
] as const

class Refused extends Error {}

async function seed(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query('BEGIN')
    const { rows } = await client.query<{ n: string }>(
      'SELECT count(*) AS n FROM users WHERE id <> ALL ($1)',
      [PEOPLE.map(([id]) => id)],
    )
    if (rows[0]?.n !== '0')
      throw new Refused(`the database has ${rows[0]?.n} accounts that are no development accounts`)
    for (const [id, email, role, password] of PEOPLE)
      await client.query(
        `INSERT INTO users (id, email, name, role, password_hash) VALUES ($1, $2, $3, $3, $4) ON CONFLICT DO NOTHING`,
        [id, email, role, await hash(password, 4)],
      )
    for (let number = 1; number <= 5; number++)
      await client.query(
        `INSERT INTO devices (id, passport_code, name, owner_id) VALUES ($1, $2, $3, 'dev-engineer') ON CONFLICT DO NOTHING`,
        [`dev-device-${number}`, codeOf({ maker: 'DEV', year: 2025, number }), `Device ${number}`],
      )
    await client.query('COMMIT')
    process.stdout.write('seeded for development\n')
  } finally {
    await client.end()
  }
}

try {
  if (process.env['NODE_ENV'] === 'production') throw new Refused('NODE_ENV is production')
  await seed(process.env['DATABASE_URL'] ?? '')
} catch (error) {
  const refused = error instanceof Refused
  process.stderr.write(`${refused ? 'refused' : 'failed'}: ${(error as Error).message}\n`)
  process.exitCode = refused ? 3 : 1
}
