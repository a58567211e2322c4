// The sandbox of the vault: what is there before a first deployment, people who
// use it, and the machine that runs the release that `current` points to. Besides
// what ../shared/host/host.ts says, its folder holds:
//   source/                  the repository that a release is pushed from
//   heroku.git/              the one it is pushed to, with hooks that build and start it
//   config/.env.production   the container's settings, when deployed by docker
//   mood.json                how often people mistype, while something is tried
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { buildRelease } from '../shared/build/release.ts'
import { needed, runHost, takePlace } from '../shared/host/host.ts'
import { seedDatabase, seedFolders, seedRelease } from '../shared/host/seed.ts'
import { PREVIOUS_VERSION, partsOf, sourceIn } from './app/scripts/lockr.ts'
import { seedRepositories, writeHooks } from './repository.ts'
import { fill } from './seed.ts'
import { startTraffic } from './traffic.ts'

const { dir, port } = await takePlace()
const databaseUrl = needed('DATABASE_URL')
const adminToken = needed('ADMIN_TOKEN')
await seedDatabase(databaseUrl, 'schema_migrations', fill)
seedFolders(dir, ['backups', 'config'])
const source = sourceIn(join(import.meta.dirname, 'app'))
await seedRelease(dir, PREVIOUS_VERSION, (out) =>
  buildRelease(source, { out, version: PREVIOUS_VERSION, ...partsOf(PREVIOUS_VERSION) }),
)
seedRepositories(dir)
writeHooks(dir)

await runHost({
  dir,
  port,
  units: [
    {
      name: 'lockr',
      envFiles: ['config/.env.production'],
      // The sandbox's services move to another port with every start.
      fixed: {
        DATABASE_URL: databaseUrl,
        ADMIN_TOKEN: adminToken,
        SESSION_SECRET: createHash('sha256').update(`session ${adminToken}`).digest('hex'),
        MESSAGE_GATEWAY: needed('MESSAGE_GATEWAY'),
        // A short day has short hours; on a busy machine people are slow too.
        METRICS_WINDOW: '10',
      },
    },
  ],
})
await startTraffic(`http://127.0.0.1:${port}`, join(dir, 'mood.json'))
