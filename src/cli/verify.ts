import type { Command } from 'commander'
import { EXIT } from '../core/errors.ts'
import { bind } from '../engine/bind.ts'
import { nobody } from '../engine/persons.ts'
import type { Session } from '../engine/session.ts'
import { verifyNow } from '../engine/verify.ts'
import { outlet } from '../lib/outlet.ts'
import { verificationText, verifiedLine } from '../views/verification.ts'
import {
  environmentFlag,
  examples,
  outputFlags,
  storeFlag,
  unattendedFlags,
  variableFlag,
  type OutputFlags,
  type StoreFlags,
} from './flags.ts'
import { planFor } from './prepare.ts'
import { print } from './print.ts'
import { withSession } from './session.ts'

interface Flags extends OutputFlags, StoreFlags {
  env?: string
  var: Record<string, string>
}

export function define(command: Command, exit: (code: number) => void): void {
  command.argument('<runbook>', 'a name in runbooks/, or the path of a YAML file')
  environmentFlag(command)
  variableFlag(command)
  storeFlag(outputFlags(unattendedFlags(command), ['text', 'json']))
  examples(
    command,
    'runbook verify qr-login --env prod',
    'runbook verify qr-login --env prod -o json',
  )
  command.action(async (name: string, flags: Flags) => {
    const err = outlet(process.stderr)
    const say = (text: string) => {
      err.write(`${text}\n`)
    }
    const { root, plan } = await planFor(name, { env: flags.env, vars: flags.var, warn: say })
    const look = async (session: Session) => {
      const opened = await bind(session, plan, {
        vars: flags.var,
        say,
        place: () => undefined,
      })
      try {
        const found = await verifyNow(session, opened.bound, nobody, (step) => {
          if (flags.output === 'text' && flags.quiet !== true)
            err.write(verifiedLine(step, err.look()))
        })
        print(flags, (look) => verificationText(found, look), found)
        exit(found.holds ? EXIT.ok : EXIT.failed)
      } finally {
        await opened.close()
      }
    }
    await withSession(flags, look, root)
  })
}
