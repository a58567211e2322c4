/** A PostgreSQL server as a service: its data stays, its password never leaves the machine. */
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { canonicalJson, sha256 } from '../core/plan.ts'
import { EXIT, failure } from '../core/errors.ts'
import type { Service } from '../core/runbook.ts'
import { freePort } from '../lib/daemons.ts'
import {
  clusterOf,
  dataMajor,
  hasBinaries,
  makeData,
  placeExists,
  removeCluster,
  removeForsaken,
  runningServer,
  startCluster,
  stopCluster,
  SUPERUSER,
  type Cluster,
} from '../lib/postgres-cluster.ts'
import { choosePlace, claimPlace } from '../lib/postgres-user.ts'
import { findServer } from '../lib/postgres-server.ts'
import { createPrivate, readPrivate, replacePrivate } from '../lib/private-files.ts'
import type { ServiceAddress, ServiceKind, ServiceContext } from './service.ts'

/** What the next command must know. */
interface Known {
  cluster: Cluster
  port: number
  /** A hash of the settings that the server was started with. */
  settings: string
}

type Postgres = Extract<Service, { kind: 'postgres' }>

/** The service in its folder. */
export function postgresService(
  name: string,
  service: Postgres,
  folder: string,
  context: ServiceContext,
): ServiceKind {
  const path = join(folder, 'server.json')
  const settings = sha256(canonicalJson(service.settings))
  const note = (text: string) => {
    context.say(`${name}: ${text}`)
  }
  const known = (): Known | undefined => {
    const text = readPrivate(path)?.toString('utf8')
    return text === undefined ? undefined : (JSON.parse(text) as Known)
  }
  // Written before anything is done: what is made or started must be found again whatever happens.
  const remember = (now: Known) => {
    replacePrivate(path, JSON.stringify(now))
  }
  const password = (): string => {
    const made = randomBytes(24).toString('base64url')
    const kept = createPrivate(join(folder, 'password'), made).toString('utf8')
    context.masker.add(`services.${name}`, kept)
    return kept
  }
  const urlOf = (port: number, database = service.database): string =>
    `postgresql://${SUPERUSER}:${password()}@127.0.0.1:${port}/${encodeURIComponent(database)}`

  /** Data to start with: what is there, with binaries that fit it, else new. */
  const prepare = async (before: Known | undefined): Promise<Cluster> => {
    const choice = context.env.RUNBOOK_POSTGRES
    const old = before?.cluster
    const major = old === undefined ? undefined : dataMajor(old)
    if (old !== undefined && major !== undefined) {
      const fits = !choice || choice === old.origin
      if (fits && hasBinaries(old)) return old
      return clusterOf(await findServer({ choice, major }), old.place)
    }
    await removeForsaken()
    const server = await findServer({ choice })
    const place = old !== undefined && placeExists(old.place) ? old.place : choosePlace(folder)
    const { origin, version, folder: binaries } = server
    remember({ cluster: { place, binaries, origin, version }, port: before?.port ?? 0, settings })
    claimPlace(place, path)
    const cluster = await clusterOf(server, place)
    note(`making a database with PostgreSQL ${server.version} (${server.origin})`)
    await makeData(cluster, password())
    return cluster
  }

  const start = async (cluster: Cluster, wanted: number | undefined): Promise<number> => {
    for (let tries = 1; ; tries++) {
      const port = await freePort(tries === 1 ? wanted : undefined)
      remember({ cluster, port, settings })
      try {
        const log = join(folder, 'server.log')
        await startCluster(cluster, { port, settings: service.settings, log, note })
        return port
      } catch (error) {
        // Between our look and its start somebody else may have taken the port.
        if (tries === 3 || !/address already in use/i.test(String(error))) throw error
      }
    }
  }

  return {
    async start(shared) {
      const before = known()
      const address = (port: number): ServiceAddress => ({ url: urlOf(port), port, dir: folder })
      if (before !== undefined && runningServer(before.cluster) !== undefined) {
        const same = before.settings === settings
        if (same || shared) {
          if (!same) note('another command uses it; new settings count from its next start on')
          const problem = await ensureDatabase(urlOf, before.port, service.database)
          if (problem === undefined) return address(before.port)
        }
        // Nobody can be using it: either we are alone, or it answers nobody.
        await stopCluster(before.cluster, 2000)
      }
      const port = await start(await prepare(before), before?.port || undefined)
      const problem = await ensureDatabase(urlOf, port, service.database)
      if (problem === undefined) return address(port)
      throw failure(EXIT.precondition, `the service ${name} does not let us in: ${problem}`, {
        hint: 'start over with --fresh, which deletes its data',
      })
    },
    async stop() {
      const now = known()
      if (now !== undefined) await stopCluster(now.cluster)
    },
    removeData() {
      const now = known()
      if (now !== undefined) removeCluster(now.cluster)
    },
  }
}

/** Connects, and makes the database when there is none of that name. Returns what went wrong. */
async function ensureDatabase(
  urlOf: (port: number, database?: string) => string,
  port: number,
  database: string,
): Promise<string | undefined> {
  const { connect, databaseFault } = await import('../lib/postgres.ts')
  try {
    await (await connect(urlOf(port), { connect_ms: 3000 })).close()
    return undefined
  } catch (error) {
    if (databaseFault(error)?.sqlstate !== NO_DATABASE) return (error as Error).message
  }
  try {
    const server = await connect(urlOf(port, 'postgres'), { connect_ms: 3000 })
    const quoted = `"${database.replaceAll('"', '""')}"`
    await server
      .query({ text: `CREATE DATABASE ${quoted}`, values: [] })
      .finally(() => server.close())
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

/** SQLSTATE of a connection to a database that there is not. */
const NO_DATABASE = '3D000'
