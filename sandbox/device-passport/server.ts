// The sandbox of the device passports: what is there before a first deployment, and the
// machine that runs the API and the web application. Besides what ../shared/host/host.ts
// says, its folder holds:
//   config/api/.env.production   read at each start of the API, when there
//   config/web/.env.production   read by a build of the web application, when there
//   config/cron.d/               what cron would read
//   srv/source, srv/origin.git   the source, and where it came from
//   shared                       what the programs of the source take from the sandboxes
import { join } from 'node:path'
import { needed, runHost, takePlace } from '../shared/host/host.ts'
import { seedFolders, seedRelease } from '../shared/host/seed.ts'
import { which } from '../shared/host/which.ts'
import { buildPrevious } from './app/scripts/passport.ts'
import { seedRepositories } from './repository.ts'
import { seedDatabases } from './seed.ts'
import { startTraffic } from './traffic.ts'

const PREVIOUS = 'v1.0.0'

const { dir, port } = await takePlace()
const owner = new URL(needed('DATABASE_URL'))
const role = { role: needed('DB_USER'), rolePassword: needed('DB_PASSWORD') }
const admin = { adminEmail: needed('ADMIN_EMAIL'), adminPassword: needed('ADMIN_PASSWORD') }
await seedDatabases(owner.href, { ...role, ...admin })
seedFolders(dir, ['backups', 'config/api', 'config/web', 'config/backup', 'config/cron.d'])
seedRepositories(join(dir, 'srv'), PREVIOUS, ['broken', 'untested', 'v1.1.0'])
await seedRelease(dir, PREVIOUS, (out) => buildPrevious(out, PREVIOUS), [
  'current-api',
  'current-web',
])

// The sandbox's own services move to another port with every start.
const databaseUrl = new URL(owner)
databaseUrl.username = role.role
databaseUrl.password = role.rolePassword
const redis = which('redis-server')
  ? { REDIS_URL: needed('REDIS_URL'), REDIS_CA: join(needed('REDIS_DIR'), 'cert.pem') }
  : { REDIS_URL: 'none' }
const registry = needed('REGISTRY')
await runHost({
  dir,
  port,
  units: [
    {
      name: 'api',
      link: 'current-api',
      main: 'apps/api/src/main.js',
      health: '/api/health',
      image: `${registry}/device-passport-api`,
      defaults: {
        NODE_ENV: 'production',
        JWT_SECRET: needed('JWT_SECRET'),
        JWT_REFRESH_SECRET: needed('JWT_REFRESH_SECRET'),
        REDIS_PASSWORD: needed('REDIS_PASSWORD'),
      },
      envFiles: ['config/api/.env.production'],
      fixed: { DATABASE_URL: databaseUrl.href, ...redis },
    },
    {
      name: 'web',
      link: 'current-web',
      main: 'apps/web/server/main.js',
      health: '/',
      image: `${registry}/device-passport-web`,
    },
  ],
  routes: [
    { prefix: '/api', units: ['api'] },
    { prefix: '/', units: ['web'] },
  ],
})
startTraffic(`http://127.0.0.1:${port}`)
