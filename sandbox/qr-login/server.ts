// The sandbox's host: what a machine with systemd, a load balancer and a
// database would be to the hotel assistant. It seeds what is to be there before
// a first deployment, runs the release that `current` points to, and answers on
// PORT whether or not that release is up.
//
// In RUNBOOK_SERVICE_DIR:
//   releases/<version>/, releases/current   what a deployment adds and switches
//   config/.env.production                  read at each start of the release, when there
//   logs/app.log, logs/unit.log             the release's own lines; what it printed
//   control.json                            0600: where and with which word to ask for a restart
//   stand-ins.json                          what the stand-ins for other tools remember
import { join } from 'node:path'
import { openControl } from './supervisor/control.ts'
import { endOldSupervisor } from './supervisor/control-client.ts'
import { openProxy } from './supervisor/proxy.ts'
import { seedDatabases, seedFolders, seedReleases } from './supervisor/seed.ts'
import { makeUnit } from './supervisor/unit.ts'

function env(name: string): string {
  const value = process.env[name]
  if (value === undefined || value === '') throw new Error(`${name} is not set`)
  return value
}

const dir = env('RUNBOOK_SERVICE_DIR')
const port = Number(env('PORT'))
const databaseUrl = env('DATABASE_URL')

await endOldSupervisor(dir)
await seedDatabases(databaseUrl)
seedFolders(dir)
await seedReleases(join(dir, 'releases'))

const unit = makeUnit(dir, {
  // The defaults of the machine; the file config/.env.production comes over them.
  defaults: {
    NEXTAUTH_SECRET: process.env['NEXTAUTH_SECRET'],
    NODE_ENV: 'production',
  },
  // These come over the file: the sandbox's own database moves to another port
  // with every start, so the address in a file of yesterday would be wrong.
  fixed: { DATABASE_URL: databaseUrl, ADMIN_TOKEN: env('ADMIN_TOKEN') },
})

async function quit(): Promise<void> {
  await unit.stop()
  control.close()
  proxy.close()
  process.exit(0)
}

// The release first, so that "ready" is said of a machine that has booted.
await unit.start()
const proxy = await openProxy(port, unit)
const control = await openControl(dir, port, unit, quit)
process.on('SIGTERM', () => void quit())
process.on('SIGINT', () => void quit())
