import type { Asked } from './events.ts'

/** One sentence about a check that did not hold or could not be asked, without its final full stop. */
export function describeAsked({ title, expression, answer, reason }: Asked): string {
  const verb =
    answer === 'cannot_tell' ? 'cannot be told' : answer === 'holds' ? 'holds' : 'does not hold'
  const what = expression === undefined ? title : `${title}: ${expression}`
  return `${what} ${verb}${reason === undefined ? '' : `: ${reason}`}`
}
