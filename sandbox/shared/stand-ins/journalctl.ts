// Stand-in for journalctl: what a unit logged and printed.
import { linesOf } from './logs.ts'
import { fail, runTool, say } from './tool.ts'
import { units } from './world.ts'

await runTool({
  name: 'journalctl',
  usage: 1,
  unknownFlag: (flag) => `journalctl: unrecognized option '${flag}'`,
  commands: {
    '': {
      flags: [
        '-u, --unit=',
        '-S, --since=',
        '-n, --lines=',
        '-o, --output=',
        '-q, --quiet',
        '--no-pager',
      ],
      async run({ value, values }) {
        const wanted = values('unit').map((name) => name.replace(/\.service$/, ''))
        if (wanted.length === 0) fail(1, 'journalctl: here a unit is needed (--unit)')
        if ((value('output') ?? 'cat') !== 'cat') fail(1, 'journalctl: here --output=cat only')
        const of = (await units()).filter(({ name }) => wanted.includes(name))
        const lines = linesOf(of, { since: value('since'), tail: value('lines') })
        if (lines.length === 0) say('-- No entries --')
        for (const line of lines) say(line)
      },
    },
  },
})
