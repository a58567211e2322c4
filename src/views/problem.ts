/** How an error is told: everything that is wrong, then what it comes to, then what to do. */
import { isRunbookError, type RunbookError } from '../core/errors.ts'
import { formatProblem } from '../core/problems.ts'
import { clean } from '../lib/clean.ts'
import { outlet, type OutStream } from '../lib/outlet.ts'
import { wrap, type Look } from '../lib/terminal.ts'
import { inTheirTime } from './times.ts'

const MOST = 20

/** The text of an error, with a line end. An error that is not ours is a fault of the tool. */
export function errorText(error: unknown, look: Look, debug = false): string {
  if (!isRunbookError(error)) return fault(error, look, debug)
  const message = `${look.colours.red('error:')} ${inTheirTime(error.message, look)}`
  // Commands are in the hint, which is left as it is: one that is broken in two cannot be copied.
  const lines = [...problemLines(error, look), ...wrap(message, look.columns)]
  if (error.hint !== undefined)
    lines.push(`  ${inTheirTime(error.hint, look).replaceAll('\n', '\n  ')}`)
  if (debug && error.stack !== undefined) lines.push(look.colours.dim(error.stack))
  return `${clean(lines.join('\n'), look)}\n`
}

/** Writes the text of an error; never throws. */
export function printError(error: unknown, stream: OutStream, debug = false): void {
  const out = outlet(stream)
  out.write(errorText(error, out.look(), debug))
}

function problemLines({ problems = [] }: RunbookError, look: Look): string[] {
  const shown = problems.slice(0, MOST).flatMap((problem) => {
    const [first = '', ...rest] = formatProblem(problem).split('\n')
    return [look.colours.bold(first), ...rest, '']
  })
  if (problems.length > MOST) shown.push(`… and ${problems.length - MOST} more`, '')
  return shown
}

function fault(error: unknown, look: Look, debug: boolean): string {
  const what = error instanceof Error ? error.message : String(error)
  const stack = debug && error instanceof Error ? `\n${look.colours.dim(error.stack ?? '')}` : ''
  const text = `${look.colours.red('error:')} ${what}\n  this is a fault of runbook itself${stack}`
  return `${clean(text, look)}\n`
}
