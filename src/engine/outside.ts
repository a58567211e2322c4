/** Checks that belong to no run: preconditions, plans, `runbook verify`. */
import type { Step } from '../core/runbook.ts'
import { askChecks, type Asking } from './ask.ts'
import { nobody } from './persons.ts'
import type { Asker } from './plan-report.ts'
import { demandGoingOn } from './stop.ts'
import { OUTSIDE, scopeOf, type Bound, type Runtime } from './runtime.ts'

/** How such a check is asked: with the values there are, again and again within its time. */
export function askingOutsideARun(
  bound: Bound,
  ask: Runtime['ask'],
  folder: string,
  outputs: Runtime['outputs'] = {},
  step?: Step,
): Asking {
  return {
    ...(step !== undefined && { step }),
    run: OUTSIDE,
    epoch: 0,
    attempt: 0,
    folder,
    ask,
    scope: scopeOf(bound, { outputs, host: step?.on?.host }),
    interrupt: bound.stop.interrupt,
    output: () => undefined,
    outputEnds: () => undefined,
    patient: true,
  }
}

/** How a plan asks its checks: once each, patiently never, nobody's answer awaited. */
export function planAsker(bound: Bound): Asker {
  return {
    scope: (step) => scopeOf(bound, { host: step.on?.host }),
    ask: async (checks, step) => {
      const asking = {
        ...askingOutsideARun(bound, nobody, `plan-${step?.id ?? 'requires'}`, {}, step),
        patient: false,
      }
      const { answered } = await askChecks(bound, checks, asking, true)
      demandGoingOn(bound.stop)
      return answered.map(({ asked }) => asked)
    },
  }
}
