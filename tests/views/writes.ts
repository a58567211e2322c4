/** Writes to standard output until the reader is gone, then goes on, and says so in the file it was given. */
import { writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { outlet } from '../../src/lib/outlet.ts'

// Like the tool: a terminal that hangs up ends nothing.
process.on('SIGHUP', () => undefined)
const out = outlet(process.stdout)
for (let i = 0; i < 500 && !out.gone(); i++) {
  out.write('a line\n')
  await sleep(10)
}
for (let i = 0; i < 100; i++) out.write('into the void\n')
await sleep(50)
writeFileSync(process.argv[2] ?? '', out.gone() ? 'gone' : 'not gone')
