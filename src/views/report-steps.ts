/** The part of a report that goes step by step, and the words that all its parts share. */
import { formatDuration } from '../core/durations.ts'
import type { Asked } from '../core/events.ts'
import { jsonText } from './json.ts'
import { code, table, text } from './markdown.ts'
import type { Report, ReportedStep } from './report-data.ts'
import { askedText, statusWord } from './words.ts'

const LONGEST_VALUE = 200
/** Of what a check that holds looked at. */
const LONGEST_SEEN = 80

export const estimate = (seconds: number | null) =>
  seconds === null ? '' : `~${formatDuration(seconds * 1000)}`
export const took = (ms: number | null) => (ms === null ? '' : formatDuration(ms))

export function valuesText(values: Record<string, unknown>, most = LONGEST_VALUE): string {
  return Object.entries(values)
    .map(([name, value]) => code(`${name} = ${short(value, most)}`))
    .join(', ')
}

export function short(value: unknown, most = LONGEST_VALUE): string {
  const shown = value === undefined ? 'nothing' : jsonText(value)
  return shown.length > most ? `${shown.slice(0, most).toWellFormed()}…` : shown
}

export function steps(report: Report): string[] {
  return sectionsOf(report).flatMap(({ title, own }) => [
    `### ${text(title)}`,
    '',
    ...table(
      ['Step', 'Title', 'Result', 'Took', 'Estimate', 'Checks', 'Refs'],
      own.map((step) => [
        code(step.id),
        text(step.title),
        statusWord(step.status) + (step.reason === null ? '' : `: ${text(step.reason)}`),
        took(step.duration_ms) + (step.attempts > 1 ? ` (${step.attempts} attempts)` : ''),
        estimate(step.estimate_s),
        checkCount(step),
        text(step.refs.join(', ')),
      ]),
    ),
  ])
}

function checkCount({ checks: asked }: ReportedStep): string {
  if (asked.length === 0) return ''
  const held = asked.filter(({ answer }) => answer === 'holds').length
  return `${held} of ${asked.length} hold`
}

/** Every check that was asked, with what it saw. */
export function checks(report: Report): string[] {
  return sectionsOf(report).flatMap(({ title, own }) => {
    const lines = own.flatMap(({ id, checks: asked }) => asked.map((one) => checkLine(id, one)))
    return lines.length === 0 ? [] : [`### ${text(title)}: what was checked`, '', ...lines, '']
  })
}

function checkLine(id: string, asked: Asked): string {
  const { expression, values = {} } = asked
  const expected = expression === undefined ? '' : `; expected ${code(expression)}`
  const saw = valuesText(values, asked.answer === 'holds' ? LONGEST_SEEN : LONGEST_VALUE)
  return `- ${code(id)} ${text(askedText(asked))}${expected}${saw === '' ? '' : `; saw ${saw}`}`
}

function sectionsOf({ phases, steps: all }: Report): { title: string; own: ReportedStep[] }[] {
  return [...phases, { id: 'finally', title: 'Finally' }]
    .map(({ id, title }) => ({ title, own: all.filter(({ phase }) => phase === id) }))
    .filter(({ own }) => own.length > 0)
}
