/** Whether a step is undone: "rolled back" is never said on faith. */
import { describeAsked } from '../core/asked.ts'
import type { Answer, Asked, Failure } from '../core/events.ts'
import type { Step, Undo } from '../core/runbook.ts'
import { momentary } from '../core/soak.ts'
import { askChecks, type Answered } from './ask.ts'
import { asking } from './roles.ts'
import type { Runtime } from './runtime.ts'

export interface Proof {
  asked: Asked[]
  /** Why it is not undone; left out: it is. */
  failure?: Failure
}

/** Whether a step is undone, by its own checks no longer holding or by those of its undo. */
export async function proofOf(
  rt: Runtime,
  step: Step,
  verify: Undo['verify'],
  attempt: number,
  folder: string,
): Promise<Proof> {
  const inverse = verify === 'inverse'
  const checks = verify === 'inverse' ? momentary(step.verify) : verify
  const how = asking(rt, step, attempt, folder, !inverse)
  const { answer, answered } = await askChecks(rt, checks, how, inverse)
  const asked = answered.map((a) => a.asked)
  const proven = inverse ? provenInverse(answered) : answer === 'holds'
  return proven ? { asked } : { asked, failure: unproven(inverse, answer, asked) }
}

/** What another step's last resort undid is proven as its own undo would have been. */
export async function proveCovered(rt: Runtime, step: Step, attempt: number): Promise<Proof[]> {
  const { rollback } = step
  const undos = rollback.kind === 'undo' ? rollback.undos : [{ verify: 'inverse' as const }]
  const proofs: Proof[] = []
  for (const [i, { verify }] of undos.entries())
    proofs.push(await proofOf(rt, step, verify, attempt, `undo-verify-covered-${i}`))
  return proofs
}

/** At least one of the step's checks does not hold, and there is none of which one cannot tell. */
function provenInverse(answered: readonly Answered[]): boolean {
  const answers = answered.map((a) => a.asked.answer)
  return answers.includes('does_not_hold') && !answers.includes('cannot_tell')
}

function unproven(inverse: boolean, answer: Answer, asked: Asked[]): Failure {
  const untold = asked.find((a) => a.answer === 'cannot_tell')
  if (untold !== undefined)
    return { reason: 'inconclusive', message: describeAsked(untold), asked: untold }
  const last = asked.at(-1)
  const message = inverse
    ? 'its checks still hold, so it is not undone'
    : last === undefined
      ? answer
      : describeAsked(last)
  return { reason: 'verify_failed', message, ...(last !== undefined && { asked: last }) }
}
