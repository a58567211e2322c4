// Stand-in for systemctl: its units are the sandbox's. `reload` replaces a unit's
// processes once their successors are healthy, as a graceful reload does. Exit
// codes as systemctl's: 3 not active, 4 or 5 no such unit.
import type { UnitStatus } from '../host/control-client.ts'
import { type Call, type Command, fail, runTool, say } from './tool.ts'
import { ask, drop, units } from './world.ts'

async function named(words: readonly string[], code: number): Promise<UnitStatus[]> {
  const all = await units()
  return words.flatMap((word) => {
    const found = all.filter(({ name }) => name === word.replace(/\.service$/, ''))
    return found.length > 0 ? found : fail(code, `Unit ${word} not found.`)
  })
}

const stateOf = async (id: string): Promise<string> =>
  (await units()).find((unit) => unit.id === id)?.state ?? 'failed'

function changing(verb: 'start' | 'stop' | 'restart' | 'reload'): Command {
  return {
    flags: ['--no-pager', '-q, --quiet', '--no-block'],
    words: [1, Infinity],
    async run({ words }) {
      for (const unit of await named(words, 5)) {
        if (verb === 'reload') {
          if (unit.state !== 'active') fail(1, `${unit.name}.service is not active, cannot reload.`)
          const after = await ask({ act: 'roll', unit: unit.id, wait: true, drop: drop() })
          const { rollout } = after.units.find(({ id }) => id === unit.id) ?? unit
          if (rollout !== 'done') fail(1, `Job for ${unit.name}.service failed.`)
          continue
        }
        if (verb === 'restart') await ask({ act: verb, unit: unit.id, drop: drop() })
        else await ask({ act: verb, unit: unit.id })
        if (verb !== 'stop' && (await stateOf(unit.id)) !== 'active')
          fail(1, `Job for ${unit.name}.service failed; see logs/${unit.logs.at(-1)}.`)
      }
    },
  }
}

async function status({ words }: Call): Promise<void> {
  for (const unit of await named(words, 4)) {
    const state =
      unit.state === 'active'
        ? 'active (running)'
        : unit.state === 'failed'
          ? 'failed'
          : 'inactive (dead)'
    const [main] = unit.processes
    say(`${unit.name}.service - ${unit.name} (sandbox)\n     Active: ${state}`)
    if (main !== undefined) say(`   Main PID: ${main.pid}`)
    if (unit.state !== 'active') process.exitCode = 3
  }
}

async function isActive({ words, has }: Call): Promise<void> {
  const found = await named(words, 4)
  if (!has('quiet')) for (const { state } of found) say(state)
  // As there: one active unit is enough.
  process.exitCode = found.some(({ state }) => state === 'active') ? 0 : 3
}

/** `--property=MainPID --value`: 0 where none runs. */
async function show({ words, value, has }: Call): Promise<void> {
  if (value('property') !== 'MainPID' || !has('value'))
    fail(1, 'here show tells --property=MainPID with --value')
  for (const { processes } of await named(words, 4)) say(String(processes[0]?.pid ?? 0))
}

const looking = { flags: ['--no-pager', '-q, --quiet'], words: [1, Infinity] as const }
await runTool({
  name: 'systemctl',
  usage: 1,
  anywhere: true,
  unknownFlag: (flag) => `systemctl: unrecognized option '${flag}'`,
  commands: {
    start: changing('start'),
    stop: changing('stop'),
    restart: changing('restart'),
    reload: changing('reload'),
    status: {
      ...looking,
      flags: [...looking.flags, '-l, --full', '-n, --lines=', '-o, --output='],
      run: status,
    },
    show: { ...looking, flags: [...looking.flags, '-p, --property=', '--value'], run: show },
    'is-active': { ...looking, run: isActive },
    // Unit files come with the machine; there is nothing to read anew.
    'daemon-reload': { run: () => undefined },
  },
})
