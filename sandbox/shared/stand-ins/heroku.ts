// Stand-in for heroku: an app is a unit of the sandbox. Each change of its config
// is a release of its own, as each deployment is, and restarts it. Maintenance is
// the sandbox's balancer answering 503 by itself.
import type { UnitStatus } from '../host/control-client.ts'
import { linesOf, timeOf } from './logs.ts'
import { type Call, type Command, fail, runTool, say } from './tool.ts'
import { type Memory, ask, keep, releaseOf, remember, restart, units } from './world.ts'

function wrong(message: string): never {
  return fail(1, ` ›   Error: ${message}`)
}

type Releases = Memory['heroku'][string]
type Work = (call: Call, unit: UnitStatus, releases: Releases) => void | Promise<void>

function onApp(work: Work): Command['run'] {
  return async (call) => {
    const app = call.value('app') ?? process.env['HEROKU_APP'] ?? wrong('Missing required flag app')
    const unit = (await units()).find(({ name }) => name === app)
    if (unit === undefined) wrong("Couldn't find that app.")
    const memory = remember()
    const releases = (memory.heroku[app] ??= [])
    // What serves by other means, a push for example, is a release too.
    if (releases.at(-1)?.release !== unit.release)
      releases.push({ what: `Deploy ${unit.release}`, release: unit.release, config: unit.env })
    await work(call, unit, releases)
    keep(memory)
  }
}

/** Sets and takes away variables, starts the app anew with them, and counts that as a release. */
async function change(
  unit: UnitStatus,
  releases: Releases,
  set: Record<string, string | null>,
  what: string,
): Promise<void> {
  const after = await ask({ act: 'env', unit: unit.id, set })
  const config = after.units.find(({ id }) => id === unit.id)?.env ?? {}
  releases.push({ what, release: unit.release, config })
  if (!(await restart(unit))) wrong('the app crashed')
  process.stderr.write(`Setting config and restarting ${unit.name}... done, v${releases.length}\n`)
}

const setConfig: Work = async ({ words }, unit, releases) => {
  const pairs = words.map((word) => {
    const at = word.indexOf('=')
    if (at < 1) wrong(`${word.slice(0, 20)} is invalid. Must be in the format FOO=bar.`)
    return [word.slice(0, at), word.slice(at + 1)] as const
  })
  await change(
    unit,
    releases,
    Object.fromEntries(pairs),
    `Set ${pairs.map(([name]) => name).join(', ')} config vars`,
  )
}

const unsetConfig: Work = ({ words }, unit, releases) =>
  change(
    unit,
    releases,
    Object.fromEntries(words.map((name) => [name, null])),
    `Unset ${words.join(', ')} config vars`,
  )

const rollback: Work = async ({ words: [given] }, unit, releases) => {
  const number = given === undefined ? releases.length - 1 : Number(given.replace(/^v/, ''))
  const to =
    releases[number - 1] ?? wrong(`Couldn't find that release: ${given ?? 'none before this'}`)
  // Code and config of that release, as one release more.
  const gone = Object.keys(unit.env).map((name) => [name, null] as const)
  await ask({ act: 'env', unit: unit.id, set: { ...Object.fromEntries(gone), ...to.config } })
  releases.push({ ...to, what: `Rollback to v${number}` })
  if (!(await restart(unit, to.release))) wrong('the app crashed')
  process.stderr.write(`Rolling back ${unit.name} to v${number}... done, v${releases.length}\n`)
}

const showReleases: Work = ({ has, value }, _unit, releases) => {
  const newest = releases
    .map(({ what, release }, i) => ({
      version: i + 1,
      description: what,
      status: 'succeeded',
      slug: { id: release },
    }))
    .reverse()
    .slice(0, Number(value('num') ?? 15))
  if (has('json')) say(JSON.stringify(newest, null, 2))
  else for (const { version, description } of newest) say(`v${version}  ${description}`)
}

const logs: Work = ({ value, has }, unit) => {
  if (has('tail')) wrong('here logs do not follow: that never ends')
  const num = Number(value('num') ?? 100)
  if (!Number.isInteger(num)) wrong(`Expected an integer but received: ${value('num')}`)
  const [source, dyno] = [value('source'), value('dyno-name') ?? value('process-type')]
  if ((source ?? 'app') !== 'app' || !['web', 'web.1'].includes(dyno ?? 'web')) return
  // Heroku keeps 1,500 lines.
  const tail = String(Math.min(num, 1500))
  // A time and a source come before what the application wrote.
  let time = new Date(0)
  for (const line of linesOf([unit], { tail })) {
    time = new Date(timeOf(line) ?? time)
    say(`${time.toISOString().replace('Z', '000+00:00')} app[web.1]: ${line}`)
  }
}

const maintenance =
  (on: boolean): Work =>
  async (_call, { name }) => {
    await ask({ act: 'maintenance', on })
    process.stderr.write(`${on ? 'Enabling' : 'Disabling'} maintenance mode for ${name}... done\n`)
  }

const app = ['-a, --app=', '-r, --remote=']
const rolling: Command = { flags: app, words: [0, 1], run: onApp(rollback) }
const releases: Command = { flags: [...app, '-n, --num=', '--json'], run: onApp(showReleases) }
await runTool({
  name: 'heroku',
  usage: 2,
  unknownFlag: (flag) => ` ›   Error: Nonexistent flag: ${flag}`,
  commands: {
    maintenance: {
      flags: app,
      run: onApp(async () => say((await ask({ act: 'status' })).maintenance ? 'on' : 'off')),
    },
    'maintenance:on': { flags: app, run: onApp(maintenance(true)) },
    'maintenance:off': { flags: app, run: onApp(maintenance(false)) },
    config: {
      flags: [...app, '-s, --shell', '-j, --json'],
      run: onApp(({ has }, { env }) => {
        if (has('json')) say(JSON.stringify(env, null, 2))
        else
          for (const [name, value] of Object.entries(env))
            say(has('shell') ? `${name}=${value}` : `${name}: ${value}`)
      }),
    },
    'config:get': {
      flags: [...app, '-s, --shell', '-j, --json'],
      words: [1, Infinity],
      run: onApp(({ words, has }, { env }) => {
        for (const name of words)
          say(has('shell') ? `${name}=${env[name] ?? ''}` : (env[name] ?? ''))
      }),
    },
    'config:set': { flags: app, words: [1, Infinity], run: onApp(setConfig) },
    'config:unset': { flags: app, words: [1, Infinity], run: onApp(unsetConfig) },
    logs: {
      flags: [
        ...app,
        '-n, --num=',
        '-s, --source=',
        '-d, --dyno, --dyno-name=',
        '-p, --process-type=',
        '-t, --tail',
        '--force-colors',
      ],
      run: onApp(logs),
    },
    releases,
    rollback: rolling,
    'releases:rollback': rolling,
    'ps:restart': {
      flags: app,
      run: onApp(async (_call, unit) => {
        if (!(await restart(unit))) wrong('the app crashed')
      }),
    },
    // Not of heroku: what a push to its git remote ends in. A sandbox's post-receive hook calls it.
    'sandbox:release': {
      flags: app,
      words: [1, 1],
      run: onApp(async ({ words: [folder = ''] }, unit, all) => {
        const release = releaseOf(folder) ?? wrong(`${folder} is no release folder`)
        if (!(await restart(unit, release))) wrong('the app crashed')
        all.push({ what: `Deploy ${release}`, release, config: unit.env })
      }),
    },
  },
})
