// The sandbox of the users module: what is there before a first deployment, and the
// machine that runs the release that `current` points to. Besides what
// ../shared/host/host.ts says, its folder holds:
//   config/.env.production   read at each start of the release, when there
//   config/cron.d/           what cron would read
import { needed, runHost, takePlace } from '../shared/host/host.ts'
import { seedFolders, seedRelease } from '../shared/host/seed.ts'
import { buildPrevious } from './app/scripts/tickr.ts'
import { seed } from './seed.ts'

const { dir, port } = await takePlace()
const databaseUrl = needed('DATABASE_URL')
const owner = { role: needed('DB_USERNAME'), password: needed('DB_PASSWORD') }
await seed(databaseUrl, owner)
seedFolders(dir, ['backups', 'config/cron.d'])
await seedRelease(dir, '1.0.0', buildPrevious)

const { hostname, port: databasePort, pathname } = new URL(databaseUrl)
await runHost({
  dir,
  port,
  units: [
    {
      name: 'tickr-backend',
      container: 'app',
      health: '/api/health',
      defaults: {
        NODE_ENV: 'production',
        JWT_SECRET: needed('JWT_SECRET'),
        DB_USERNAME: owner.role,
        DB_PASSWORD: owner.password,
        DB_NAME: pathname.slice(1),
      },
      envFiles: ['config/.env.production'],
      // The sandbox's own database moves to another port with every start.
      fixed: { DB_HOST: hostname, DB_PORT: databasePort },
      log: 'app.log',
    },
  ],
})
