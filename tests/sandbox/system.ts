/** A system in its sandbox, as those who operate it have it: deployed, rolled back, and held to be as it was before. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, expect } from 'vitest'
import { filesUnder, finder, sealedOutputs, watchProcesses } from '../canaries.ts'
import { linesOf, runbook, summaryOf, type Ran, type Summary } from '../tool.ts'
import {
  input,
  makePlace,
  open,
  takePicture,
  type Open,
  type Picture,
  type Place,
} from './place.ts'

/** Stands for any secret of an environment that is only planned. */
export const SECRET = 'one-that-opens-nothing-0123456789abcdef-0123456789'

export interface System<P> {
  place: () => Place
  /** What there was before the first test. */
  before: () => P
  /** What there is now. */
  picture: () => Promise<P>
  expectAsBefore: () => Promise<void>
  /** Keeps the sandbox up from here on: the commands that follow share it, which is quicker. */
  keepUp: () => Promise<void>
  /** Each command starts it and ends it again. */
  letDown: () => Promise<void>
  /** The sandbox, while it is kept up. */
  here: () => Open
  /** A statement of the database's owner, while the sandbox is kept up. */
  sql: (statement: string) => Promise<unknown>
  tool: (...args: string[]) => Promise<Ran>
  /** Deploys, and prints the summary. */
  deploy: (...more: string[]) => Promise<Ran>
  /** Deploys to the end, or to where it was told to. */
  deployed: (...more: string[]) => Promise<Summary>
  /** Rolls back until the tool says that nothing is left. How often it undid something. */
  rollBackAll: () => Promise<number>
  /** Asks for a plan of another environment, with these values in the shell: it shows no secret. */
  planFor: (
    environment: string,
    env: NodeJS.ProcessEnv,
    ...more: string[]
  ) => Promise<{ id: string; would: string; irreversible: string | null }[]>
  /** Secrets of the sandbox by where they are kept, and those that its runs' outputs are. */
  secrets: () => Map<string, string>
  /** Does something while the command lines of all processes are looked at. */
  watched: <T>(work: () => Promise<T>, every_ms?: number) => Promise<T>
  /**
   * Where one of them was seen: in what commands printed, in command lines (those that were `watched`, if no
   * others are given), in a file, or in a log.
   */
  secretsSeen: (processes?: string) => string[]
}

/**
 * Makes a sandbox for the tests of a file. `picture` says what there is, if that is more than usual. With
 * `up` it is kept up from the beginning. `environment`: where another one than the sandbox is a sandbox.
 */
export function systemOf<P = Picture>(
  name: string,
  picture: (place: Place, here: Open) => Promise<P>,
  up = false,
  environment = 'sandbox',
): System<P> {
  let place: Place
  let before: P
  let held: Open | undefined
  const printed = new Map<string, string>()
  const commandLines: string[] = []

  const system: System<P> = {
    place: () => place,
    before: () => before,
    async picture() {
      const here = held ?? (await open(place, name, environment))
      try {
        return await picture(place, here)
      } finally {
        if (here !== held) await here.close()
      }
    },
    async expectAsBefore() {
      expect(await system.picture()).toEqual(before)
    },
    async keepUp() {
      held = await open(place, name, environment)
    },
    async letDown() {
      await held?.close()
      held = undefined
    },
    async tool(...args) {
      const ran = await runbook(place.root, args)
      const command = args.join(' ')
      printed.set(command, `${printed.get(command) ?? ''}${ran.stdout}${ran.stderr}`)
      return ran
    },
    here() {
      if (held === undefined) throw new Error('the sandbox is not kept up')
      return held
    },
    async sql(statement) {
      const client = new pg.Client({ connectionString: input(system.here(), 'database_url') })
      await client.connect()
      await client.query(statement).finally(() => client.end())
    },
    deploy: (...more) =>
      system.tool('deploy', name, '--env', environment, '--no-input', '-o', 'json', ...more),
    deployed: async (...more) => ended(await system.deploy(...more)),
    async rollBackAll() {
      for (let times = 0; times < 10; times += 1) {
        const ran = await system.tool('rollback')
        expect(ran.code, ran.stderr).toBe(0)
        if (ran.stderr.includes('nothing left to undo')) return times
      }
      throw new Error('there is always something left')
    },
    async planFor(environment, env, ...more) {
      const args = ['plan', name, '--env', environment, '-o', 'json', ...more]
      const ran = await runbook(place.root, args, { env })
      expect(ran.code, ran.stderr).toBe(0)
      expect(ran.stdout + ran.stderr).not.toContain(SECRET)
      return (JSON.parse(ran.stdout) as { steps: Awaited<ReturnType<System<P>['planFor']>> }).steps
    },
    secrets() {
      const own = join(place.root, '.runbook')
      return new Map([
        ...secretFiles().map(
          (file) => [file, readFileSync(join(own, file), 'utf8').trim()] as const,
        ),
        ...sealedOutputs(place.root),
      ])
    },
    async watched(work, every_ms) {
      const watching = watchProcesses(every_ms)
      return work().finally(async () => commandLines.push(await watching.stop()))
    },
    secretsSeen(processes = commandLines.join('\n')) {
      const find = finder(system.secrets())
      // Left out: where the secrets are kept, and the folders that are the sandbox's machines.
      const left = new Set(['key', ...secretFiles()].map((file) => `.runbook/${file}`))
      const kept = filesUnder(
        place.root,
        (path) => left.has(path) || /^\.runbook\/services\/.*\/data\//.test(path),
      )
      expect(kept).toContain('.runbook/journal.db')
      expect(processes).toContain('pg_dump')
      // The application's own log, and what it and the host printed.
      const logs = join(place.machine, 'logs')
      const files = [
        ...kept.map((file) => join(place.root, file)),
        ...filesUnder(logs).map((file) => join(logs, file)),
      ]
      return [
        ...[...printed].flatMap(([command, text]) => find(text).map((s) => `${s} by ${command}`)),
        ...find(processes).map((s) => `${s} in a command line`),
        ...files.flatMap((file) => find(readFileSync(file)).map((s) => `${s} in ${file}`)),
      ]
    },
  }
  /** Where the sandbox keeps what it made up. */
  const secretFiles = (): string[] =>
    filesUnder(join(place.root, '.runbook')).filter((file) => /^random\/|\/password$/.test(file))

  beforeAll(async () => {
    place = makePlace(name, environment)
    if (up) await system.keepUp()
    before = await system.picture()
  })
  afterAll(async () => {
    await system.letDown()
    await place.dispose()
  })
  return system
}

/** As usual: these databases, the machine's files, and what the server says. */
export const pictureOf =
  (...databases: string[]) =>
  (place: Place, here: Open): Promise<Picture> =>
    takePicture(place, here, databases)

/**
 * A run goes back by its scope `app`: the previous release serves, and the tables stay as they are `there`. Somebody
 * built a view on a new table, so that the step `migrating` cannot be taken back: its last resort, by name, restores
 * the backup, and it is as before.
 */
export async function rollBackInParts(
  { tool, picture, before, sql, rollBackAll, expectAsBefore }: System<Picture>,
  run: string,
  there: Picture,
  { migrating, view }: { migrating: string; view: string },
): Promise<void> {
  const part = await tool('rollback', run, '--scope', 'app', '-o', 'json')
  expect(ended(part).status).toBe('partly_rolled_back')
  const half = await picture()
  expect(half.version).toEqual(before().version)
  expect(half.databases['database_url']?.schema).toEqual(there.databases['database_url']?.schema)

  await sql(view)
  const stuck = await tool('rollback', run)
  expect(stuck.code, stuck.stderr).toBe(5)
  expect(stuck.stderr).toContain('other objects depend on it')
  expect(stuck.stderr).toContain(`--last-resort ${migrating}`)
  const restored = await tool('rollback', run, '--last-resort', migrating, '-o', 'json')
  expect(ended(restored).status).toBe('rolled_back')
  await rollBackAll()
  await expectAsBefore()
}

/** A release that says at once that it is not healthy, and goes on saying so. */
export const BROKEN = ['--var', 'release=broken', '--var', 'settle=3s']

/** A release that is not healthy is rolled back by itself: what was told of it. All is as it was before. */
export async function rolledBackByItself(
  { deploy, expectAsBefore }: Pick<System<never>, 'deploy' | 'expectAsBefore'>,
  ...more: string[]
): Promise<Summary> {
  const ran = await deploy(...BROKEN, ...more)
  const summary = ended(ran, 4)
  expect(summary.status).toBe('rolled_back')
  expect(idsOf(summary, 'failed')).toEqual(['healthy'])
  await expectAsBefore()
  return summary
}

/** What a command told at its end, which has to be this. */
export function ended(ran: Ran, code = 0): Summary {
  expect(ran.code, ran.stderr).toBe(code)
  return summaryOf(ran)
}

export const statusOf = (summary: Summary, id: string): string | undefined =>
  summary.steps.find((s) => s.id === id)?.status

/** The steps that have this status. */
export const idsOf = (summary: Summary, status: string): string[] =>
  summary.steps.filter((s) => s.status === status).map((s) => s.id)

/** What would become of each step, by its id. */
export const wouldOf = (steps: readonly { id: string; would: string }[]): Record<string, string> =>
  Object.fromEntries(steps.map(({ id, would }) => [id, would]))

/** What the sandbox's mail server got, in the order in which it came. */
export function mails({ machine }: Place): string[] {
  const inbox = linesOf(join(machine, '../../mail/data/inbox.jsonl'))
  // Long lines are broken on their way.
  return inbox.map((line) => (JSON.parse(line) as { text: string }).text.replace(/=\r?\n/g, ''))
}
