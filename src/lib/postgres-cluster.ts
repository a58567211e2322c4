/** A PostgreSQL server of our own: made, started, found again, stopped. It never runs as root. */
import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { EXIT, failure } from '../core/errors.ts'
import type { ProcessIdentity } from '../core/events.ts'
import { endDaemon, startDaemon, tailOf } from './daemons.ts'
import {
  ENVIRONMENT,
  forsakenPlaces,
  ids,
  isChosen,
  reachable,
  serverUser,
} from './postgres-user.ts'
import type { ServerBinaries } from './postgres-server.ts'
import { alive, identify, runCommand } from './processes.ts'

/** The superuser of every cluster made here. */
export const SUPERUSER = 'runbook'

export interface Cluster {
  /** Where it lies: the service's folder, or as root one that the server's user can reach. */
  place: string
  /** The folder of the binaries that it runs with. */
  binaries: string
  origin: ServerBinaries['origin']
  version: string
}

/** Whether there is a place still: folders for temporary files are emptied by others. */
export function placeExists(place: string): boolean {
  return existsSync(place)
}

/** Whether the binaries that it ran with are there still. */
export function hasBinaries(cluster: Cluster): boolean {
  return existsSync(join(cluster.binaries, 'postgres'))
}

/** A cluster in that place which runs with these binaries. Throws exit 6 when its user cannot run them. */
export async function clusterOf(server: ServerBinaries, place: string): Promise<Cluster> {
  const binaries = await reachable(server.folder, place)
  return { place, binaries, origin: server.origin, version: server.version }
}

/** Makes its data, with a superuser who has this password. Throws exit 6 when it cannot be made. */
export async function makeData(cluster: Cluster, password: string): Promise<void> {
  const { place, binaries } = cluster
  const user = serverUser()
  // Under another name until it is whole: half of it must never be taken for all of it.
  const unfinished = join(place, 'data.new')
  const secret = join(place, 'initial-password')
  for (const path of [unfinished, secret]) rmSync(path, { recursive: true, force: true })
  writeFileSync(secret, password, { mode: 0o600, flag: 'wx' })
  mkdirSync(unfinished, { mode: 0o700 })
  if (user !== undefined)
    for (const path of [secret, unfinished]) chownSync(path, user.uid, user.gid)
  const made = await runCommand(
    [
      join(binaries, 'initdb'),
      `--pgdata=${unfinished}`,
      `--username=${SUPERUSER}`,
      `--pwfile=${secret}`,
      '--auth=scram-sha-256',
      '--locale=C',
      '--encoding=UTF8',
      '--no-sync',
      '--no-instructions',
    ],
    { cwd: place, env: ENVIRONMENT, ...ids() },
  )
  rmSync(secret)
  if (made.code !== 0) throw cannot('make a PostgreSQL database', made.stderr || made.stdout)
  renameSync(unfinished, dataOf(place))
}

/** Removes a stopped cluster, wherever it lies. */
export function removeCluster(cluster: Pick<Cluster, 'place'>): void {
  const { place } = cluster
  // Only what `choosePlace` made goes whole: the record that names it is a file like any other.
  rmSync(isChosen(place) ? place : dataOf(place), { recursive: true, force: true })
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
        ...ids(),
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
    } else if (/lock file "postmaster.pid" already exists/.test(tail) && isUnused(data)) {
      // Its number was given to another process, as in a container that was started again.
      rmSync(join(data, 'postmaster.pid'), { force: true })
    } else throw cannot('start PostgreSQL', tail)
  }
}

/** Ends and removes clusters whose service folder somebody deleted. */
export async function removeForsaken(): Promise<void> {
  for (const place of forsakenPlaces()) {
    await stopCluster({ place })
    removeCluster({ place })
  }
}

/** The running server of this cluster, whoever started it. */
export function runningServer(cluster: Pick<Cluster, 'place'>): ProcessIdentity | undefined {
  const [pid] = postmasterFile(dataOf(cluster.place))
  const identity = pid === undefined ? undefined : identify(Number(pid))
  return identity !== undefined && worksIn(identity.pid, dataOf(cluster.place))
    ? identity
    : undefined
}

/** Ends it in order: what is open is rolled back, what is committed is on the disk. */
export async function stopCluster(
  cluster: Pick<Cluster, 'place'>,
  grace_ms = 20_000,
): Promise<void> {
  const server = runningServer(cluster)
  if (server !== undefined) await endDaemon(server, { signal: 'SIGINT', grace_ms, group: false })
}

function dataOf(place: string): string {
  return join(place, 'data')
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
    return readlinkSync(`/proc/${pid}/cwd`) === realpathSync(data)
  } catch {
    return process.platform !== 'linux'
  }
}

/** Whether no process at all works in the data folder, as far as one can know. */
function isUnused(data: string): boolean {
  try {
    return !readdirSync('/proc').some((name) => /^\d+$/.test(name) && worksIn(Number(name), data))
  } catch {
    return false
  }
}

function cannot(what: string, tail: string): Error {
  return failure(EXIT.precondition, `cannot ${what}${tail === '' ? '' : `:\n${tail.trimEnd()}`}`)
}
