/** A PostgreSQL server of our own: made, started, found again, stopped. It never runs as root. */
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { EXIT, failure } from '../core/errors.ts'
import type { ProcessIdentity } from '../core/events.ts'
import { endDaemon, startDaemon, tailOf } from './daemons.ts'
import type { ServerBinaries } from './postgres-server.ts'
import { alive, identify, runCommand } from './processes.ts'

/** The superuser of every cluster made here. */
export const SUPERUSER = 'runbook'

export interface Cluster {
  /** Where it lies: the service's folder, or as root one that the server's user can reach. */
  place: string
  /** The folder of the binaries that it runs with. */
  binaries: string
  version: string
}

interface ServerUser {
  name: string
  uid: number
  gid: number
}

/** Whom the server runs as when we are root; undefined when we are not. */
function serverUser(): ServerUser | undefined {
  if (process.geteuid?.() !== 0) return undefined
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n')
  for (const name of ['postgres', 'nobody']) {
    const [, , uid, gid] = lines.find((line) => line.startsWith(`${name}:`))?.split(':') ?? []
    if (Number(uid) > 0) return { name, uid: Number(uid), gid: Number(gid) }
  }
  return { name: '65534', uid: 65_534, gid: 65_534 }
}

/** What a server sees: nothing of the operator's, least of all PGHOST, PGDATA or secrets. */
const ENVIRONMENT = { PATH: process.env.PATH ?? '', TZ: 'UTC', LC_ALL: 'C' }

/** Makes an empty cluster whose superuser has this password. Throws exit 6 when it cannot be made. */
export async function makeCluster(
  binaries: ServerBinaries,
  folder: string,
  password: string,
): Promise<Cluster> {
  const user = serverUser()
  const place = user === undefined ? folder : placeFor(user)
  try {
    const bin = user === undefined ? binaries.folder : await reachable(binaries.folder, place, user)
    const secret = join(place, 'initial-password')
    writeFileSync(secret, password, { mode: 0o600 })
    mkdirSync(dataOf(place), { mode: 0o700 })
    for (const path of user === undefined ? [] : [secret, dataOf(place)]) {
      chownSync(path, user?.uid ?? 0, user?.gid ?? 0)
    }
    const made = await runCommand(
      [
        join(bin, 'initdb'),
        `--pgdata=${dataOf(place)}`,
        `--username=${SUPERUSER}`,
        `--pwfile=${secret}`,
        '--auth=scram-sha-256',
        '--locale=C',
        '--encoding=UTF8',
        '--no-sync',
        '--no-instructions',
      ],
      { cwd: place, env: ENVIRONMENT, ...ids(user) },
    )
    rmSync(secret)
    if (made.code !== 0) throw cannot('make a PostgreSQL database', made.stderr || made.stdout)
    return { place, binaries: bin, version: binaries.version }
  } catch (error) {
    if (place !== folder) rmSync(place, { recursive: true, force: true })
    throw error
  }
}

/** Removes a stopped cluster's data, wherever it lies. */
export function removeCluster(cluster: Cluster, folder: string): void {
  // Only what `placeFor` made is removed: the record that names it is a file like any other.
  const ours = basename(cluster.place).startsWith(PLACE) && PLACES.includes(dirname(cluster.place))
  if (ours) rmSync(cluster.place, { recursive: true, force: true })
  rmSync(dataOf(folder), { recursive: true, force: true })
}

/** The major version that the data was made with; undefined when there is no data (any more). */
export function dataMajor(cluster: Cluster): number | undefined {
  const path = join(dataOf(cluster.place), 'PG_VERSION')
  return existsSync(path) ? Number(readFileSync(path, 'utf8')) : undefined
}

/**
 * Starts the server and returns when it takes connections. A preloaded library that is not there is
 * left out; `note` says so. Throws exit 6 with the end of its log when it does not start.
 */
export async function startCluster(
  cluster: Cluster,
  options: {
    port: number
    settings: Record<string, string>
    log: string
    note: (text: string) => void
  },
): Promise<ProcessIdentity> {
  const user = serverUser()
  const data = dataOf(cluster.place)
  const settings = { ...options.settings }
  const until = performance.now() + 60_000
  for (;;) {
    const fixed = {
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      port: String(options.port),
      logging_collector: 'off',
    }
    const given = Object.entries({ ...settings, ...fixed }).flatMap(([k, v]) => ['-c', `${k}=${v}`])
    const { identity, gate } = await startDaemon(
      [join(cluster.binaries, 'postgres'), '-D', data, ...given],
      {
        cwd: cluster.place,
        env: ENVIRONMENT,
        log: options.log,
        ...ids(user),
      },
    )
    gate.destroy()
    if (await ready(data, identity, until)) return identity
    const tail = tailOf(options.log)
    await endDaemon(identity, { signal: 'SIGQUIT', grace_ms: 1000, group: false })
    const library = /could not access file "([^"]+)"/.exec(tail)?.[1]
    const preloaded = settings.shared_preload_libraries?.split(/\s*,\s*/) ?? []
    if (library !== undefined && preloaded.includes(library)) {
      settings.shared_preload_libraries = preloaded.filter((l) => l !== library).join(', ')
      options.note(`PostgreSQL ${cluster.version} has no ${library} here: it starts without it`)
    } else if (/pre-existing shared memory block/.test(tail) && performance.now() < until) {
      await sleep(100) // what is left of a killed server still ends
    } else throw cannot('start PostgreSQL', tail)
  }
}

/** The running server of this cluster, whoever started it. */
export function runningServer(cluster: Cluster): ProcessIdentity | undefined {
  const [pid] = postmasterFile(dataOf(cluster.place))
  const identity = pid === undefined ? undefined : identify(Number(pid))
  return identity !== undefined && worksIn(identity.pid, dataOf(cluster.place))
    ? identity
    : undefined
}

/** Ends it in order: what is open is rolled back, what is committed is on the disk. */
export async function stopCluster(cluster: Cluster): Promise<void> {
  const server = runningServer(cluster)
  if (server !== undefined)
    await endDaemon(server, { signal: 'SIGINT', grace_ms: 20_000, group: false })
}

function dataOf(place: string): string {
  return join(place, 'data')
}

const PLACE = 'runbook-postgres-'
/** The first survives a restart of the machine. */
const PLACES = ['/var/tmp', tmpdir()]

function placeFor(user: ServerUser): string {
  const parent = PLACES.find((p) => existsSync(p)) ?? tmpdir()
  const place = mkdtempSync(join(parent, PLACE))
  // Ours; the user may pass through to the data, which is its own.
  chmodSync(place, 0o711)
  void user
  return place
}

/** The binaries themselves, or a copy of their package where the user cannot reach them: `/root/…`. */
async function reachable(folder: string, place: string, user: ServerUser): Promise<string> {
  const works = async (bin: string) => {
    const { code } = await runCommand([join(bin, 'postgres'), '--version'], {
      cwd: '/',
      env: ENVIRONMENT,
      ...ids(user),
    })
    return code === 0
  }
  if (await works(folder)) return folder
  const copy = join(place, 'postgresql')
  cpSync(dirname(folder), copy, { recursive: true, verbatimSymlinks: true })
  const bin = join(copy, basename(folder))
  if (await works(bin)) return bin
  throw failure(
    EXIT.precondition,
    `PostgreSQL does not run as root, and ${user.name} cannot run ${folder}`,
    {
      hint: 'run as another user, or install PostgreSQL where everybody can run it',
    },
  )
}

function ids(user: ServerUser | undefined): { uid?: number; gid?: number } {
  return user === undefined ? {} : { uid: user.uid, gid: user.gid }
}

/** The lines of postmaster.pid: pid, data folder, start, port, …, and the status as the eighth. */
function postmasterFile(data: string): string[] {
  try {
    return readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')
  } catch {
    return []
  }
}

async function ready(data: string, server: ProcessIdentity, until: number): Promise<boolean> {
  while (performance.now() < until && alive(server)) {
    const lines = postmasterFile(data)
    if (lines[0] === String(server.pid) && lines[7]?.trim() === 'ready') return true
    await sleep(10)
  }
  return false
}

/** A server works in its data folder: so the number in a file left over is told from the real one. */
function worksIn(pid: number, data: string): boolean {
  try {
    return readlinkSync(`/proc/${pid}/cwd`) === data
  } catch {
    return process.platform !== 'linux'
  }
}

function cannot(what: string, tail: string): Error {
  return failure(EXIT.precondition, `cannot ${what}${tail === '' ? '' : `:\n${tail.trimEnd()}`}`)
}
