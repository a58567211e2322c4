/** As whom a PostgreSQL server of ours runs, and what that user can reach: it refuses to run as root. */
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { EXIT, failure } from '../core/errors.ts'
import { runCommand } from './processes.ts'

interface ServerUser {
  name: string
  uid: number
  gid: number
}

/** Whom the server runs as when we are root; undefined when we are not. */
export function serverUser(): ServerUser | undefined {
  if (process.geteuid?.() !== 0) return undefined
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n')
  for (const name of ['postgres', 'nobody']) {
    const [, , uid, gid] = lines.find((line) => line.startsWith(`${name}:`))?.split(':') ?? []
    if (Number(uid) > 0) return { name, uid: Number(uid), gid: Number(gid) }
  }
  return { name: '65534', uid: 65_534, gid: 65_534 }
}

/** The same as options of a process; nothing when we are not root. */
export function ids(user = serverUser()): { uid?: number; gid?: number } {
  return user === undefined ? {} : { uid: user.uid, gid: user.gid }
}

/** What a server sees: nothing of the operator's, least of all PGHOST, PGDATA or secrets. */
export const ENVIRONMENT = { PATH: process.env.PATH ?? '', TZ: 'UTC', LC_ALL: 'C' }

const PLACE = 'runbook-postgres-'
/** In a place: the path of the record that names it. */
const OWNER = 'belongs-to'
/** The first survives a restart of the machine. */
const PLACES = ['/var/tmp', tmpdir()]

/** Whether a folder is one that `choosePlace` made beside the service's own. */
export function isChosen(place: string): boolean {
  return basename(place).startsWith(PLACE) && PLACES.includes(dirname(place))
}

/** Where a new cluster of a service may lie: in its folder, or as root in one of its own. */
export function choosePlace(folder: string): string {
  if (serverUser() === undefined) return folder
  const place = mkdtempSync(join(PLACES.find((p) => existsSync(p)) ?? tmpdir(), PLACE))
  // It is ours; the server's user passes through it to the data, which is its own.
  chmodSync(place, 0o711)
  return place
}

/** Writes down which record names the place, once it does. */
export function claimPlace(place: string, record: string): void {
  if (isChosen(place)) writeFileSync(join(place, OWNER), record, { mode: 0o600 })
}

/** The places that their record no longer names, or that is gone: nobody would find them again. */
export function forsakenPlaces(): string[] {
  const user = process.geteuid?.()
  return PLACES.flatMap((parent) => {
    if (!existsSync(parent)) return []
    return readdirSync(parent).flatMap((name) => {
      const place = join(parent, name)
      const stat = name.startsWith(PLACE) ? lstatSync(place, { throwIfNoEntry: false }) : undefined
      if (stat?.isDirectory() !== true || stat.uid !== user) return []
      const owner = join(place, OWNER)
      return existsSync(owner) && !names(readFileSync(owner, 'utf8'), place) ? [place] : []
    })
  })
}

function names(record: string, place: string): boolean {
  return existsSync(record) && readFileSync(record, 'utf8').includes(JSON.stringify(place))
}

/** The binaries themselves, or a copy of them where the server's user cannot reach them, as in root's home. */
export async function reachable(folder: string, place: string): Promise<string> {
  const user = serverUser()
  if (user === undefined || (await runs(folder))) return folder
  const copy = join(place, 'postgresql')
  rmSync(copy, { recursive: true, force: true })
  cpSync(dirname(folder), copy, { recursive: true, verbatimSymlinks: true })
  const bin = join(copy, basename(folder))
  if (await runs(bin)) return bin
  const what = `PostgreSQL does not run as root, and ${user.name} cannot run ${folder}`
  throw failure(EXIT.precondition, what, {
    hint: 'run as another user, or install PostgreSQL where everybody can run it',
  })
}

async function runs(folder: string): Promise<boolean> {
  const options = { cwd: '/', env: ENVIRONMENT, ...ids() }
  const { code } = await runCommand([join(folder, 'postgres'), '--version'], options)
  return code === 0
}
