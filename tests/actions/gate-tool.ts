/**
 * A tool no larger than the gate, to be killed: it runs one script and dies by its own hand at the
 * moment it is told. The process that waited at its gate is in `<folder>.process`.
 */
import { writeFileSync } from 'node:fs'
import { startGated } from '../../src/lib/gate.ts'

const [folder = '', script = '', die = ''] = process.argv.slice(2)
const killed = () => process.kill(process.pid, 'SIGKILL')

await startGated({
  folder,
  command: { script },
  cwd: process.cwd(),
  env: { PATH: process.env.PATH ?? '' },
  timeout_ms: 20_000,
  interrupt: new AbortController().signal,
  leaves_processes: false,
  output: () => {},
  gate: async (waiting) => {
    writeFileSync(`${folder}.process`, JSON.stringify(waiting))
    if (die === 'before go') killed()
  },
})
if (die === 'after end') killed()
