// The sandbox of logins by OAuth: what is there before a first deployment, people who log in
// all day, and the machines backend-1 and backend-2, each of which runs the release that its
// own link names. Besides what ../shared/host/host.ts says, its folder holds:
//   backend/, origin.git/    the checkout, and where it came from; a release is a worktree of it
//   config/backend.env       the settings of the backend, read at each start
//   backups/                 a backup of the week before
//   mood.json                how many logins people give up, while something is tried
import { execFileSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { needed, runHost, takePlace } from '../shared/host/host.ts'
import { readEnvFile } from '../shared/host/process.ts'
import { makeDatabase, seedDatabase, seedFolders, seedRelease } from '../shared/host/seed.ts'
import { PREVIOUS, makeRelease, seedCheckout } from './repository.ts'
import { fill } from './seed.ts'
import { startTraffic } from './traffic.ts'

const HOSTS = ['backend-1', 'backend-2']
const SETTINGS = 'config/backend.env'
/** Those that the document lists, the database's apart. */
const GIVEN = [
  ...['GOOGLE_CLIENT_ID', 'GOOGLE_CLIENT_SECRET', 'GITHUB_CLIENT_ID', 'GITHUB_CLIENT_SECRET'],
  'SECRET_KEY',
]

const { dir, port } = await takePlace()
const database = new URL(needed('DATABASE_URL'))
await seedDatabase(database.href, 'alembic_version', fill)
await makeDatabase(database.href, '_test')
seedFolders(dir, ['backups', 'config', 's3/prosight-backups'])
seedCheckout(dir)
await seedRelease(
  dir,
  PREVIOUS,
  async (out) => makeRelease(join(dir, 'backend'), PREVIOUS, out),
  HOSTS.map((host) => `current-${host}`),
)
// The sandbox's own services move to another port with every start; what else was set stays.
const place = {
  POSTGRES_HOST: database.hostname,
  POSTGRES_PORT: database.port,
  POSTGRES_USER: decodeURIComponent(database.username),
  POSTGRES_PASSWORD: decodeURIComponent(database.password),
  POSTGRES_DB: decodeURIComponent(database.pathname.slice(1)),
}
const backup = join(
  dir,
  `backups/${process.env['ENVIRONMENT'] ?? 'sandbox'}_backup_20250825_030000.sql`,
)
if (!existsSync(backup)) {
  // A password in the address would be seen in the list of processes.
  const address = new URL(database)
  address.password = ''
  const env = { PATH: process.env['PATH'], PGPASSWORD: place.POSTGRES_PASSWORD }
  execFileSync('pg_dump', ['--file', backup, address.href], { env })
}

const settings = {
  ...Object.fromEntries(GIVEN.map((name) => [name, needed(name)])),
  ACCESS_TOKEN_EXPIRE_MINUTES: '1440',
  ...readEnvFile(join(dir, SETTINGS)),
  ...place,
}
const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}\n`)
writeFileSync(join(dir, SETTINGS), lines.join(''), { mode: 0o600 })

const provider = needed('PROVIDER_URL')
await runHost({
  dir,
  port,
  units: HOSTS.map((host) => ({
    name: 'backend-api',
    host,
    link: `current-${host}`,
    main: 'src/main.ts',
    envFiles: [SETTINGS],
    fixed: {
      GOOGLE_ISSUER: `${provider}/google`,
      GITHUB_URL: `${provider}/github`,
      GITHUB_API: `${provider}/github`,
      PUBLIC_URL: `http://127.0.0.1:${port}`,
      // A short day has short hours.
      METRICS_WINDOW: '10',
    },
  })),
})
startTraffic(`http://127.0.0.1:${port}`, join(dir, 'mood.json'))
