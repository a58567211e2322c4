/** `runbook verify`: what the checks answer now. */
import type { Asked } from '../core/events.ts'
import type { Verification, VerifiedStep } from '../engine/verify.ts'
import { cleanLine } from '../lib/clean.ts'
import type { Look } from '../lib/terminal.ts'
import { placeFields } from './failure.ts'
import { page } from './page.ts'
import { askedText, plural } from './words.ts'

/** One line for each check of a step, as soon as they were asked. */
export function verifiedLine({ id, checks, left_out }: VerifiedStep, look: Look): string {
  const { green, red, yellow, dim } = look.colours
  const lines = checks.map((asked) => {
    const colour = { holds: green, does_not_hold: red, cannot_tell: yellow }[asked.answer]
    const mark = {
      holds: look.unicode ? '✓' : '+',
      does_not_hold: look.unicode ? '✗' : 'x',
      cannot_tell: '?',
    }[asked.answer]
    return `${colour(mark)} ${id}  ${cleanLine(askedText(asked), look)}`
  })
  if (left_out !== undefined) lines.push(dim(`- ${id}  not asked: ${cleanLine(left_out, look)}`))
  return lines.map((line) => `${line}\n`).join('')
}

/** The sum, and by name what does not hold or could not be told. */
export function verificationText(found: Verification, look: Look): string {
  const out = page(look)
  const asked = found.steps.flatMap((step) =>
    step.checks.map((check) => ({ step: step.id, check })),
  )
  const of = (answer: Asked['answer']) => asked.filter(({ check }) => check.answer === answer)
  const [good, bad, untold] = [of('holds'), of('does_not_hold'), of('cannot_tell')]
  const left = found.steps.filter((step) => step.left_out !== undefined).length
  const parts = [`${good.length} of ${plural(asked.length, 'check')} hold`]
  if (left > 0) parts.push(`${plural(left, 'step')} not asked`)
  out.line(
    look.colours.bold(
      cleanLine(`${found.runbook} in ${found.environment}: ${parts.join(', ')}`, look),
    ),
  )
  if (found.outputs_from !== undefined) out.field('outputs', `of run ${found.outputs_from}`)
  for (const { step, check } of [...bad, ...untold]) {
    out.line()
    out.field('step', step)
    out.field('check', askedText(check))
    if (check.expression !== undefined) out.field('expected', check.expression)
    for (const [name, value] of Object.entries(check.values ?? {}))
      out.field('saw', `${name} = ${JSON.stringify(value)}`)
    placeFields(out, check)
  }
  return out.text()
}
