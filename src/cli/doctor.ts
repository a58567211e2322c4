import type { Command } from 'commander'
import { EXIT } from '../core/errors.ts'
import { examine } from '../engine/doctor.ts'
import { findRoot } from '../language/find.ts'
import { doctorText } from '../views/tables.ts'
import { examples, outputFlags, type OutputFlags } from './flags.ts'
import { print } from './print.ts'

export function define(command: Command, exit: (code: number) => void): void {
  outputFlags(command, ['text', 'json'])
  examples(command, 'runbook doctor', 'runbook doctor -o json')
  command.action(async (flags: OutputFlags) => {
    const { columns, rows, isTTY } = process.stderr
    const found = await examine({
      root: findRoot(process.cwd()),
      ...(isTTY && { terminal: { columns, rows } }),
    })
    const findings = found.map(({ name, ok, found: says, advice }) => ({
      what: name,
      level:
        ok === true
          ? ('good' as const)
          : ok === 'optional'
            ? ('warning' as const)
            : ('bad' as const),
      says,
      ...(advice !== undefined && { hint: advice }),
    }))
    print(flags, (look) => doctorText(findings, look), found)
    exit(found.some(({ ok }) => ok === false) ? EXIT.precondition : EXIT.ok)
  })
}
