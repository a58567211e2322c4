/** Database security in its sandbox: the deployment, its ways back and its breaches, for real. */
import { execFile } from 'node:child_process'
import { existsSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { filesUnder, finder, watchProcesses } from '../canaries.ts'
import { linesOf, runbook, start, summaryOf, type Ran, type Summary } from '../tool.ts'
import { client, input, makePlace, open, type Open, type Place } from './place.ts'
import { expectEveryRow } from './rows.ts'

// Real servers, real builds and real traffic, on a machine that may be busy with other tests.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 120_000 })

const NAME = 'db-security'
const execute = promisify(execFile)

let place: Place
let before: Picture
beforeAll(async () => {
  place = makePlace(NAME)
  before = await takePicture()
})
afterAll(async () => {
  await held?.close()
  await place.dispose()
})
/** The sandbox, kept up after the first test: the commands of the others share it, which is quicker. */
let held: Open | undefined

const tool = (...args: string[]): Promise<Ran> => runbook(place.root, args)
const deploy = (...more: string[]) =>
  tool('deploy', NAME, '--env', 'sandbox', '--no-input', '-o', 'json', ...more)

function ended(ran: Ran, code: number): Summary {
  expect(ran.code, ran.stderr).toBe(code)
  return summaryOf(ran)
}
const statusOf = (summary: Summary, id: string) => summary.steps.find((s) => s.id === id)?.status
const ids = (summary: Summary, status: string) =>
  summary.steps.filter((s) => s.status === status).map((s) => s.id)

/** What there is, seen by pg_dump, by git, in the files of the machine, and by asking the server. */
interface Picture {
  schema: string[]
  rows: string[]
  /** What Heroku's repository has as main, and the release that the machine runs. */
  main: string
  current: string
  /** Variables that are set for the application; none when there is no file. */
  settings: unknown
  config: string[]
  version: unknown
  health: unknown
}

async function takePicture(): Promise<Picture> {
  const opened = held ?? (await open(place, NAME))
  try {
    const env = client(input(opened, 'database_url'))
    const dump = async (...flags: string[]) => {
      const { stdout } = await execute('pg_dump', flags, { env, maxBuffer: 64 * 1024 * 1024 })
      // Newer clients put a word of their own, made anew for each dump, around it.
      return stdout.split('\n').filter((line) => !/^\\(un)?restrict /.test(line))
    }
    const at = (path: string) => join(place.machine, path)
    const told = async (path: string): Promise<unknown> =>
      (await fetch(`${input(opened, 'app_url')}${path}`)).json()
    const { stdout: main } = await execute('git', ['-C', at('heroku.git'), 'rev-parse', 'main'])
    const { stdout: current } = await execute('readlink', [at('releases/current')])
    return {
      schema: await dump('--schema-only'),
      rows: (await dump('--data-only', '--inserts')).sort(),
      main: main.trim(),
      current: current.trim(),
      settings: existsSync(at('settings.json'))
        ? (JSON.parse(readFileSync(at('settings.json'), 'utf8')) as unknown)
        : undefined,
      config: filesUnder(at('config')),
      version: await told('/version'),
      health: await told('/health'),
    }
  } finally {
    if (opened !== held) await opened.close()
  }
}

test('the sandbox starts with the previous release, plain text in its columns, and no trace of a deployment', () => {
  expect(before.version).toEqual({ version: '2.3.0' })
  expect(before.health).toEqual({ status: 'ok', maintenance: false })
  expect(before.settings).toBeUndefined()
  expect(before.rows.filter((row) => row.startsWith('INSERT INTO public.users')).length).toBe(300)
  expect(before.schema.join('\n')).not.toContain('encrypted_')
})

test('deployed to the last step that can be undone, and rolled back: all is as it was before, and no secret was seen', async () => {
  const watching = watchProcesses(50)
  const deployed = await deploy('--to', 'final_backup')
  const done = ended(deployed, 0)
  const there = await takePicture()
  expect(there.version).toEqual({ version: '2.4.0' })
  expect(there.health).toMatchObject({ maintenance: false, tracking_percent: 100 })
  expect(there.main).not.toBe(before.main)
  const { stdout: status } = await tool('verify', NAME, '--env', 'sandbox')
  expect(status).toContain('checks hold')

  const back = await tool('rollback', '-o', 'json')
  const undone = ended(back, 0)
  expect(undone.status).toBe('rolled_back')
  // Up before anything is undone, down after everything is.
  const order = ids(undone, 'undone')
  expect(order.at(0)).toBe('maintenance_on')
  expect(order).toEqual(ids(done, 'done').filter((id) => order.includes(id)))
  expect(await takePicture()).toEqual(before)

  const processes = await watching.stop()
  expect(processes).toContain('pg_dump')
  const own = join(place.root, '.runbook')
  const stores = filesUnder(own).filter((file) => /^random\/|\/password$/.test(file))
  expect(stores).toContain(`random/${NAME}/sandbox/system_encryption_key`)
  const find = finder(
    new Map(stores.map((file) => [file, readFileSync(join(own, file), 'utf8').trim()])),
  )
  // Left out: where the secrets are kept, and the folders that are the sandbox's machines.
  const files = filesUnder(
    own,
    (path) => stores.includes(path) || path === 'key' || /^services\/.*\/data\//.test(path),
  )
  expect(files).toContain('journal.db')
  expect([
    ...find(processes),
    ...[deployed, back].flatMap((ran) => find(ran.stdout + ran.stderr)),
    ...files.flatMap((file) => find(readFileSync(join(own, file))).map((s) => `${s} in ${file}`)),
    // The application's own log, and what it and the host printed.
    ...filesUnder(join(place.machine, 'logs')).flatMap((file) =>
      find(readFileSync(join(place.machine, 'logs', file))).map((s) => `${s} in ${file}`),
    ),
  ]).toEqual([])
})

test('the sandbox stays up from here on', async () => {
  held = await open(place, NAME)
  expect(await takePicture()).toEqual(before)
})

test('a release that is not healthy is rolled back by itself, and the previous one serves its data', async () => {
  const summary = ended(await deploy('--var', 'release=broken'), 4)
  expect(summary.status).toBe('rolled_back')
  expect(ids(summary, 'failed')).toEqual(['healthy'])
  expect(statusOf(summary, 'deploy_git')).toBe('undone')
  expect(await takePicture()).toEqual(before)
})

test('stopped in maintenance mode, the team is told that it is still on; a rollback takes it off', async () => {
  const stopped = ended(await deploy('--var', 'release=broken', '--on-failure', 'stop'), 3)
  expect(statusOf(stopped, 'deploy_git')).toBe('done')
  expect((await takePicture()).health).toMatchObject({ status: 'degraded' })
  expect(told()).toMatch(/still shows the maintenance page: run \S+ failed\..*rollback/)
  ended(await tool('rollback', '-o', 'json'), 0)
  expect(await takePicture()).toEqual(before)
})

test('a fault that shows at 50 % takes the feature back to 10 % and stops there; the rest is rolled back by word', async () => {
  const stopped = ended(await deploy('--var', 'release=flaky'), 3)
  expect(stopped.status).toBe('failed')
  expect(statusOf(stopped, 'percent_10')).toBe('done')
  expect(statusOf(stopped, 'percent_50')).toBe('undone')
  expect(statusOf(stopped, 'percent_100')).toBe('pending')
  const half = await takePicture()
  expect(half.version).toEqual({ version: 'flaky' })
  expect(half.health).toMatchObject({ maintenance: false, tracking_percent: 10 })
  expect(ended(await tool('rollback', '-o', 'json'), 0).status).toBe('rolled_back')
  expect(await takePicture()).toEqual(before)
})

test.each(['docker', 'kubernetes'])('deployed by %s, and rolled back', async (strategy) => {
  const done = ended(await deploy('--var', `strategy=${strategy}`, '--to', 'key_reached'), 0)
  expect(statusOf(done, `key_${strategy}`)).toBe('done')
  expect(statusOf(done, `deploy_${strategy}`)).toBe('done')
  expect((await takePicture()).version).toEqual({ version: '2.4.0' })
  ended(await tool('rollback', '-o', 'json'), 0)
  expect(await takePicture()).toEqual(before)
})

test('run whole, killed while it waits for its day and resumed, it cannot be rolled back past the step that removes the plain text', async () => {
  const sentBefore = mails().length
  const old = join(place.machine, 'backups/lockr-20200101T000000Z.dump')
  const note = join(place.machine, 'backups/README')
  for (const file of [old, note]) {
    writeFileSync(file, 'old')
    utimesSync(file, 0, 0)
  }
  await killedWhileWaiting('deploy', NAME, '--env', 'sandbox', '--no-input')
  expect((await takePicture()).schema.join('\n')).toMatch(/^ +phone_number /m)
  const summary = ended(await tool('resume', '-o', 'json'), 0)
  expect(summary.status).toBe('succeeded')
  expect(summary.steps.filter((s) => s.attempts > 1)).toEqual([])
  expectEveryRow(NAME, [summary])
  expect(existsSync(old)).toBe(false)
  expect(existsSync(note)).toBe(true)

  const after = await takePicture()
  expect(after.schema.join('\n')).not.toMatch(/^ +(two_factor_secret|phone_number) /m)
  expect(after.health).toMatchObject({ status: 'ok', maintenance: false, tracking_percent: 100 })

  // DB-18: filled in, before and after; the team hears how it ended.
  expect(mails().slice(sentBefore)).toEqual([
    expect.stringMatching(/^Subject: Scheduled maintenance[^]*^Time: 20\d\d-\d\d-\d\dT[\d:.]+Z/m),
    expect.stringMatching(/^Subject: Security improvements complete[^]*^Time: 20\d\d/m),
  ])
  expect(told()).toContain(`db-security 2.4.0 in sandbox: succeeded (run ${summary.run}`)
  const report = await tool('report', summary.run)
  expect(report.code, report.stderr).toBe(0)
  expect(report.stdout).toMatch(/\| Final migration \| Database admin \| ~30m \|/)

  const refused = await tool('rollback')
  expect(refused.code).toBe(6)
  expect(refused.stderr).toContain('step "remove_plain_text" cannot be undone')
  expect(refused.stderr).toContain(`--last-resort remove_plain_text`)
  expect((await takePicture()).schema).toEqual(after.schema)

  // By name: both backups are put back, in place of what cannot be undone and of the way down.
  const resorts = 'remove_plain_text,tracking_columns'
  const restored = ended(await tool('rollback', '--last-resort', resorts, '-o', 'json'), 0)
  expect(restored.status).toBe('rolled_back')
  expect(await takePicture()).toEqual(before)
})

test.each([
  ['staging', 'STAGING_DATABASE_URL'],
  ['prod', 'PRODUCTION_DATABASE_URL'],
])('a plan for %s is sound, and says where no return lies', async (environment, database) => {
  const secret = 'one-that-opens-nothing-0123456789abcdef-0123456789'
  const env = {
    [database]: 'postgresql://lockr:none@127.0.0.1:9/lockr',
    ADMIN_TOKEN: secret,
    SYSTEM_ENCRYPTION_KEY: secret,
    TEAM_HOOK: 'https://chat.example.com/hook-that-opens-nothing',
    MAIL_URL: 'smtps://vault:none@mail.example.com',
  }
  const args = ['plan', NAME, '--env', environment, '--var', 'release=2.4.0', '-o', 'json']
  for (const strategy of ['git', 'docker', 'kubernetes']) {
    const ran = await runbook(place.root, [...args, '--var', `strategy=${strategy}`], { env })
    expect(ran.code, ran.stderr).toBe(0)
    expect(ran.stdout).not.toContain(secret)
    const { steps } = JSON.parse(ran.stdout) as {
      steps: { id: string; would: string; irreversible: string | null }[]
    }
    const would = Object.fromEntries(steps.map((s) => [s.id, s.would]))
    const others = ['git', 'docker', 'kubernetes'].filter((one) => one !== strategy)
    for (const one of others) expect(would[`deploy_${one}`]).toBe('skipped')
    expect(would[`deploy_${strategy}`]).toBe('unknown')
    expect(steps.filter((s) => s.irreversible !== null).map((s) => s.id)).toEqual([
      'remove_plain_text',
    ])
  }
})

/** What the mail server got, and what the team's channel did. */
const inbox = (service: string): string[] =>
  linesOf(join(place.machine, `../../${service}/data/inbox.jsonl`))
const mails = () => inbox('mail').map((line) => (JSON.parse(line) as { text: string }).text)
const told = () => inbox('messages').join('\n')

/** Runs a command and kills its process the moment it says that it waits. */
async function killedWhileWaiting(...args: string[]): Promise<void> {
  const { child, ran } = start(place.root, [...args, '-o', 'ndjson'])
  child.stdout?.on('data', (text: string) => {
    if (text.includes('"type":"run.waiting"')) child.kill('SIGKILL')
  })
  const { signal, stderr } = await ran
  expect(signal, stderr).toBe('SIGKILL')
}
