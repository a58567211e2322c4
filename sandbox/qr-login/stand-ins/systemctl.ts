// Stand-in for systemctl: one unit, hotel-assistant.service, which is the
// sandbox's supervised release. Exit codes as systemctl's: 3 not active, 4 or 5
// no such unit.
import { askSupervisor } from '../supervisor/control-client.ts'
import { begin, fail, parse, supervisor } from './stand-in.ts'

const { words, flags } = parse(begin('systemctl'), [], ['--no-pager', '--quiet', '-q'], (flag) =>
  fail(2, `systemctl: unrecognized option '${flag}'`),
)
const [verb, unit, ...rest] = words
if (
  verb !== 'start' &&
  verb !== 'stop' &&
  verb !== 'restart' &&
  verb !== 'status' &&
  verb !== 'is-active'
) {
  fail(
    2,
    `Unknown command verb '${verb ?? ''}'. (This stand-in knows start, stop, restart, status, is-active.)`,
  )
}
if (unit === undefined || rest.length > 0) fail(2, `systemctl ${verb} takes one unit here`)
if (unit !== 'hotel-assistant' && unit !== 'hotel-assistant.service') {
  fail(verb === 'status' || verb === 'is-active' ? 4 : 5, `Unit ${unit} not found.`)
}

if (verb === 'status' || verb === 'is-active') {
  const { state, pid } = await askSupervisor(supervisor(), 'status')
  const quiet = flags.has('--quiet') || flags.has('-q')
  if (verb === 'is-active') {
    if (!quiet) process.stdout.write(`${state}\n`)
  } else {
    const words =
      state === 'active' ? 'active (running)' : state === 'failed' ? 'failed' : 'inactive (dead)'
    process.stdout.write(
      `hotel-assistant.service - Hotel assistant (sandbox)\n     Active: ${words}\n${pid === null ? '' : `   Main PID: ${pid}\n`}`,
    )
  }
  process.exitCode = state === 'active' ? 0 : 3
} else {
  const { state } = await askSupervisor(supervisor(), verb)
  if (verb !== 'stop' && state !== 'active')
    fail(1, 'Job for hotel-assistant.service failed; see logs/unit.log.')
}
