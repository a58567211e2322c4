/** A PostgreSQL server of a test file's own, from the machine's binaries. */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from '../../src/lib/postgres.ts'

/** The folder of the newest PostgreSQL of this machine. */
function binaries(): string {
  const [newest] = readdirSync('/usr/lib/postgresql').sort((a, b) => Number(b) - Number(a))
  return `/usr/lib/postgresql/${newest}/bin`
}

/** Whose it is: it refuses to run as root. */
export function owner(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {}
  for (const name of ['postgres', 'nobody']) {
    const id = (flag: string) => spawnSync('id', [flag, name], { encoding: 'utf8' })
    if (id('-u').status === 0) return { uid: Number(id('-u').stdout), gid: Number(id('-g').stdout) }
  }
  throw new Error('there is no user to run PostgreSQL as')
}

export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

const CACHE = join(import.meta.dirname, '../../node_modules/.cache')
/** The password of a cluster as it is made; whoever starts a server on it sets his own. */
const FIRST = 'first'

/**
 * Puts a new cluster there. It is made once and copied from then on: to make one takes longer than what
 * most test files do with it.
 */
function newCluster(data: string, bin: string, who: ReturnType<typeof owner>): void {
  const initdb = join(bin, 'initdb')
  const { mtimeMs } = statSync(initdb)
  const made = join(
    CACHE,
    `postgres-${[mtimeMs, who.uid ?? 'own', bin].join().replace(/\W+/g, '-')}`,
  )
  const copy = (from: string, to: string) => execFileSync('cp', ['-a', from, to])
  if (existsSync(made)) {
    copy(made, data)
    return
  }
  const secret = `${data}.password`
  writeFileSync(secret, FIRST, { mode: 0o644 })
  const auth = ['-U', 'postgres', '-A', 'scram-sha-256', `--pwfile=${secret}`]
  execFileSync(initdb, ['-D', data, '-N', '--no-locale', '-E', 'UTF8', ...auth], {
    ...who,
    cwd: dirname(data),
    stdio: 'ignore',
  })
  mkdirSync(CACHE, { recursive: true })
  const ours = `${made}.${process.pid}`
  copy(data, ours)
  try {
    renameSync(ours, made)
  } catch (error) {
    rmSync(ours, { recursive: true, force: true })
    // Another file may have made one at the same time.
    if (!/^(ENOTEMPTY|EEXIST)$/.test((error as NodeJS.ErrnoException).code ?? '')) throw error
  }
}

/** Starts one with this password for the user postgres; `more` are settings of it. */
export async function startServer(password: string, more: Record<string, string> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'postgres-'))
  const who = owner()
  chmodSync(folder, 0o755)
  if (who.uid !== undefined && who.gid !== undefined) chownSync(folder, who.uid, who.gid)
  const bin = binaries()
  const data = join(folder, 'data')
  newCluster(data, bin, who)
  const port = await freePort()
  const settings = {
    port,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: folder,
    fsync: 'off',
    ...more,
  }
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const server = spawn(join(bin, 'postgres'), ['-D', data, ...flags], {
    ...who,
    cwd: folder,
    stdio: 'ignore',
  })
  const exited = new Promise((resolve) => server.once('exit', resolve))
  const url = (database: string, word = password) =>
    `postgres://postgres:${encodeURIComponent(word)}@127.0.0.1:${port}/${database}`
  const stop = async () => {
    server.kill('SIGINT')
    await exited
    rmSync(folder, { recursive: true, force: true })
  }
  const connected = async () => {
    for (let tries = 0; ; tries += 1) {
      try {
        return await connect(url('postgres', FIRST))
      } catch (error) {
        if (tries > 100) throw error
        await sleep(50)
      }
    }
  }
  try {
    const database = await connected()
    const text = `ALTER USER postgres PASSWORD '${password.replaceAll("'", "''")}'`
    await database.query({ text, values: [] }).finally(() => database.close())
  } catch (error) {
    await stop()
    throw error
  }
  return { url: (database: string) => url(database), stop }
}

/** The rows of a statement, over a connection of its own. */
export async function rowsOf(url: string, text: string): Promise<Record<string, unknown>[]> {
  const connection = await connect(url)
  try {
    return (await connection.query({ text, values: [] })).rows
  } finally {
    await connection.close()
  }
}
