import type { Asked } from './events.ts'

/** One sentence about a check that did not hold or could not be asked, without its final full stop. */
export function describeAsked({ title, expression, answer, reason }: Asked): string {
  const verb =
    answer === 'cannot_tell' ? 'cannot be told' : answer === 'holds' ? 'holds' : 'does not hold'
  const expected = expression === undefined ? '' : ` (expected ${expression})`
  return `${title} ${verb}${expected}${reason === undefined ? '' : `: ${reason}`}`
}
