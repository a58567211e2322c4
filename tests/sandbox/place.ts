/** A throw-away root with the repository's own runbooks and sandboxes, and looks at it from outside a run. */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { promisify } from 'node:util'
import { compile } from '../../src/core/compile.ts'
import type { Plan } from '../../src/core/plan.ts'
import { bind, type Opened } from '../../src/engine/bind.ts'
import { planInputs } from '../../src/engine/inputs.ts'
import { openSession, type Session } from '../../src/engine/session.ts'
import { loadRunbook } from '../../src/language/load.ts'
import { removeCluster, stopCluster, type Cluster } from '../../src/lib/postgres-cluster.ts'

const repository = join(import.meta.dirname, '../..')
const run = promisify(execFile)

export interface Place {
  root: string
  /** What the sandbox's machine keeps: releases, config, monitoring. */
  machine: string
  dispose: () => Promise<void>
}

/** A copy of the repository's runbooks with nothing deployed yet; its machine is that of an environment. */
export function makePlace(runbook: string, environment = 'sandbox'): Place {
  const root = mkdtempSync(join(tmpdir(), 'runbook-sandbox-'))
  for (const part of ['package.json', 'runbooks', 'checks'])
    cpSync(join(repository, part), join(root, part), { recursive: true })
  // Nothing writes there; and programs that keep their place keep what Node has compiled of them.
  for (const part of ['sandbox', 'node_modules'])
    symlinkSync(join(repository, part), join(root, part))
  const services = join(root, '.runbook/services', runbook)
  return {
    root,
    machine: join(services, environment, 'app/data'),
    dispose: async () => {
      // Of a server that a failed test left running, the data may lie elsewhere.
      const all = existsSync(services) ? readdirSync(services) : []
      for (const known of all.map((one) => join(services, one, 'postgres/server.json'))) {
        if (!existsSync(known)) continue
        const { cluster } = JSON.parse(readFileSync(known, 'utf8')) as { cluster: Cluster }
        await stopCluster(cluster)
        removeCluster(cluster)
      }
      rmSync(root, { recursive: true, force: true })
    },
  }
}

/** A plan bound to its running services, as a command would have it. */
export interface Open extends Opened {
  session: Session
  plan: Plan
}

/** Starts the sandbox's services, or joins those that run. `close` ends them if nobody else is there. */
export async function open({ root }: Place, name: string, where = 'sandbox'): Promise<Open> {
  const { runbook } = await loadRunbook(name, root)
  const environment = runbook.environments[where]
  if (environment === undefined) throw new Error(`it has no ${where}`)
  const warn = () => undefined
  const plan = compile(runbook, where, planInputs(runbook, environment, { root, vars: {}, warn }))
  const session = openSession(root, undefined)
  const wishes = { vars: {}, say: () => undefined, place: () => undefined }
  const opened = await bind(session, plan, wishes)
  return {
    ...opened,
    session,
    plan,
    close: async () => {
      await opened.close()
      await session.store.close()
    },
  }
}

/** A secret or plain input of a bound plan. */
export function input({ bound }: Pick<Open, 'bound'>, name: string): string {
  return bound.secrets.get(name) ?? String(bound.inputs[name])
}

/** What libpq needs to reach a database. */
export function client(url: string): NodeJS.ProcessEnv {
  const at = new URL(url)
  return {
    PATH: process.env['PATH'],
    PGHOST: at.hostname,
    PGPORT: at.port,
    PGUSER: decodeURIComponent(at.username),
    PGPASSWORD: decodeURIComponent(at.password),
    PGDATABASE: decodeURIComponent(at.pathname.slice(1)),
  }
}

/** A database's schema as pg_dump writes it, and every row as a sorted INSERT. */
export interface Dump {
  schema: string[]
  rows: string[]
}

export async function dump(url: string): Promise<Dump> {
  const lines = async (...flags: string[]) => {
    const options = { env: client(url), maxBuffer: 64 * 1024 * 1024 }
    const { stdout } = await run('pg_dump', flags, options)
    // Newer clients put a word of their own, made anew for each dump, around it.
    return stdout.split('\n').filter((line) => !/^\\(un)?restrict /.test(line))
  }
  const [schema, rows] = await Promise.all([
    lines('--schema-only'),
    lines('--data-only', '--inserts'),
  ])
  return { schema, rows: rows.sort() }
}

/** Every folder, file and link below a folder: its mode, and its target or the digest of what is in it. */
function treeOf(folder: string): Record<string, string> {
  const tree: Record<string, string> = {}
  const walk = (at: string): void => {
    for (const name of readdirSync(at)) {
      const path = join(at, name)
      const found = lstatSync(path)
      const mode = (found.mode & 0o777).toString(8)
      tree[relative(folder, path)] = found.isSymbolicLink()
        ? `-> ${readlinkSync(path)}`
        : found.isDirectory()
          ? `folder ${mode}`
          : `${mode} ${createHash('sha256').update(readFileSync(path)).digest('hex')}`
      if (found.isDirectory()) walk(path)
    }
  }
  walk(folder)
  return tree
}

export interface Picture {
  /** By the input that names the database. */
  databases: Record<string, Dump>
  /** Files of the machine by path. */
  files: Record<string, string>
  version: unknown
  healthy: boolean
}

/**
 * What there is in the databases that these inputs name and on the machine, seen by pg_dump, by reading
 * files and by asking the server. Left out, since they are not what a deployment is about: `logs/` and
 * `backups/`, which no rollback takes away on purpose, `control.json`, which is there while the sandbox is
 * up, and `stand-ins.json`, in which the stand-ins keep what a cluster or a registry would remember.
 */
export async function takePicture(
  place: Place,
  opened: Open,
  inputs: readonly string[],
): Promise<Picture> {
  const databases: Picture['databases'] = {}
  for (const which of inputs) databases[which] = await dump(input(opened, which))
  const app = input(opened, 'app_url')
  const version: unknown = await (await fetch(`${app}/version`)).json()
  const { ok: healthy } = await fetch(`${app}/api/health`)
  const files = Object.entries(treeOf(place.machine)).filter(
    ([path]) => !/^(logs|backups)\/|^(control|stand-ins)\.json$/.test(path),
  )
  return { databases, files: Object.fromEntries(files), version, healthy }
}
