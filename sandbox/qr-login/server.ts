// The sandbox of the hotel assistant: what is there before a first deployment, and
// the machine that runs the release that `current` points to. Besides what
// ../shared/host/host.ts says, its folder holds:
//   config/.env.production   read at each start of the release, when there
import { needed, runHost, takePlace } from '../shared/host/host.ts'
import { seedFolders, seedRelease } from '../shared/host/seed.ts'
import { buildPrevious } from './app/scripts/hotel.ts'
import { seedDatabases } from './seed.ts'

const { dir, port } = await takePlace()
const databaseUrl = needed('DATABASE_URL')
await seedDatabases(databaseUrl)
seedFolders(dir, ['backups', 'config', 'monitoring/dashboards', 'monitoring/scrape.d'])
await seedRelease(dir, '1.0.0', (out) => buildPrevious(out, '1.0.0'))

await runHost({
  dir,
  port,
  units: [
    {
      name: 'hotel-assistant',
      container: 'app',
      health: '/api/health',
      defaults: { NEXTAUTH_SECRET: process.env['NEXTAUTH_SECRET'], NODE_ENV: 'production' },
      envFiles: ['config/.env.production'],
      // The sandbox's own database moves to another port with every start, so the
      // address in a file of yesterday would be wrong.
      fixed: { DATABASE_URL: databaseUrl, ADMIN_TOKEN: needed('ADMIN_TOKEN') },
      log: 'app.log',
    },
  ],
})
