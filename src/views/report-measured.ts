/** The part of a report that tells what was measured: how long something was down, and the figures. */
import { formatDuration } from '../core/durations.ts'
import { code, table, text } from './markdown.ts'
import type { Report } from './report-data.ts'
import { short } from './report-steps.ts'
import { plural } from './words.ts'

/** What probes saw, then what steps measured themselves as an output `downtime…`; one of them is enough. */
export function downtimeText({ downtime, watched, steps }: Report): string {
  const own = steps.flatMap(({ id, figures: given }) =>
    Object.entries(given)
      .filter(([name]) => name.startsWith('downtime'))
      .map(([name, value]) => `${code(id)} ${code(`${name} = ${short(value)}`)}`),
  )
  const told = downtime === null ? own : [seenText(downtime, watched), ...own]
  return told.length === 0 ? 'not measured: no probe looked' : told.join('; ')
}

function seenText(downtime: NonNullable<Report['downtime']>, watched: Report['watched']): string {
  const { down_ms, watched_ms, samples, bad, open } = downtime
  const looked = `${plural(samples, 'sample')} in ${formatDuration(watched_ms)}`
  if (bad === 0) return `none seen, in ${looked}`
  const failed = watched.filter((one) => one.bad > 0)
  const where = failed.map(
    (one) => `${code(one.step)} ${text(one.probe)} ${one.bad} of ${one.samples}`,
  )
  return `${open ? 'at least ' : ''}${formatDuration(down_ms)}, from failed samples to the next good ones: ${where.join(', ')} (${looked})`
}

/** What was watched comes first, and probes of one name together: before and after stand side by side. */
export function figures({ watched, steps }: Report): string[] {
  const seen = table(
    ['Probe', 'Figure', 'Step', 'Mean', 'p95', 'Min', 'Max', 'Samples', 'Bad'],
    watched.flatMap(({ probe, step, during, samples, bad, figures: given }) =>
      Object.entries(given).map(([figure, { mean, p95, min, max }]) => [
        code(probe),
        code(figure),
        `${code(step)}${during ? ', while it was done' : ''}`,
        ...[mean, p95, min, max, samples, bad].map(String),
      ]),
    ),
  )
  const rest = table(
    ['Step', 'Figure', 'Value'],
    steps.flatMap(({ id, figures: given }) =>
      Object.entries(given).map(([name, value]) => [code(id), code(name), code(short(value))]),
    ),
  )
  return [...seen, ...rest]
}
