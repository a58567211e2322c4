/** `runbook report`: what happened, as a document for those who were not there. */
import type { Asked } from '../core/events.ts'
import type { StepStatus } from '../core/state.ts'
import { PLAIN } from '../lib/terminal.ts'
import { block, code, table, text } from './markdown.ts'
import type { Report, ReportedPhase } from './report-data.ts'
import { downtimeText, figures } from './report-measured.ts'
import { checks, estimate, steps, took, valuesText } from './report-steps.ts'
import { dateTime } from './times.ts'
import { tickText } from './watching.ts'
import { askedText, countsText, failureWords, plural, runWord, statusWord } from './words.ts'

/** The report; without `details`, each step is a line of a table only. */
export function reportMarkdown(report: Report, details = true): string {
  const { runbook, version, environment, status } = report
  const sections = [
    [`# ${text(`${runbook} ${version} in ${environment}`)}: ${runWord(status, PLAIN)}`, ''],
    head(report),
    section('Inputs', inputs(report)),
    section('Timeline', timeline(report)),
    section('Issues', orElse(issues(report), 'None.')),
    section('Rollback', rollback(report)),
    section('Deviations', deviations(report)),
    section('Sign-offs and answers', answers(report)),
    section('Figures', figures(report)),
    section('Next steps', orElse(next(report), 'Nothing is left to do.')),
    section('Contacts and escalation', contacts(report)),
    section('Steps', steps(report)),
    details ? section('Checks', checks(report)) : [],
  ]
  return `${sections.flat().join('\n').trimEnd()}\n`
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0
    ? []
    : [`## ${title}`, '', ...lines, ...(lines.at(-1) === '' ? [] : [''])]
}

const orElse = (lines: string[], none: string) => (lines.length === 0 ? [none] : lines)

const when = (at: string | null) => (at === null ? '' : dateTime(at, PLAIN))
function head(report: Report): string[] {
  const { status, exit_code, reason, ended_at } = report
  const exit = exit_code === null ? '' : `, exit code ${exit_code}`
  const why = reason === null ? '' : `: ${text(reason)}`
  const guarded = report.protected ? ' (protected)' : ''
  const estimates = report.phases.flatMap(({ estimate_s }) => estimate_s ?? [])
  const planned = estimates.length === 0 ? '' : ` of ${estimate(estimates.reduce((a, b) => a + b))}`
  return table(
    ['Run', code(report.run)],
    [
      ['Runbook', `${code(report.runbook)} ${text(report.version)}: ${text(report.title)}`],
      ['Environment', `${code(report.environment)}${guarded}`],
      ['Status', `**${runWord(status, PLAIN)}**${exit}${why}`],
      ['Begun', `${when(report.begun_at)} by ${text(report.by)} on ${text(report.host)}`],
      ['Ended', ended_at === null ? 'not yet: this is how it stands now' : when(ended_at)],
      ['Took', `${took(report.duration_ms)}${planned}${ended_at === null ? ' so far' : ''}`],
      ['Downtime', downtimeText(report)],
      ['Plan', `${code(report.plan_sha256)}${report.partial ? ', a part only' : ''}`],
      ...(report.builds_on === null ? [] : [['Builds on', `run ${code(report.builds_on)}`]]),
      ['Made by', `runbook ${text(report.tool)}`],
    ],
  )
}

function inputs({ inputs: given }: Report): string[] {
  return table(
    ['Input', 'Value'],
    given.map(({ name, value }) => [code(name), value === '' ? '(empty)' : code(value)]),
  )
}

function timeline({ phases }: Report): string[] {
  return table(
    ['Phase', 'Owner', 'Estimate', 'Actual', 'Begun', 'Ended', 'Result'],
    phases.map((phase) => [
      text(phase.title),
      text(phase.owner ?? ''),
      estimate(phase.estimate_s),
      phase.begun_at === null ? '' : took(phase.actual_ms),
      when(phase.begun_at),
      when(phase.ended_at),
      resultOf(phase),
    ]),
  )
}

function resultOf({ counts }: ReportedPhase): string {
  const more = (['running', 'pending'] as const).flatMap((status) =>
    counts[status] === undefined ? [] : [`${counts[status]} ${statusWord(status)}`],
  )
  return [countsText(counts, PLAIN), ...more].filter((part) => part !== '').join(', ')
}

const BAD: readonly StepStatus[] = ['failed', 'undo_failed', 'in_doubt']

/** Every step that failed, also where a later attempt mended it. */
function issues({ steps: all }: Report): string[] {
  return all.flatMap((step) => {
    const { failure, status } = step
    if (failure === null)
      return status === 'in_doubt'
        ? [`- ${code(step.id)} is in doubt: ${text(step.reason ?? '')}`]
        : []
    const mended = BAD.includes(status) ? '' : ` (now ${statusWord(status)})`
    const { asked, tail, breach, hints = [] } = failure
    const lines = [
      `- ${code(step.id)} ${text(step.title)}${mended}: ${text(failureWords(failure))}`,
    ]
    if (asked !== undefined) lines.push(...sawLines(asked))
    for (const tick of breach?.ticks ?? [])
      lines.push(`  - sample: ${text(tickText(tick, breach?.probe ?? '', PLAIN))}`)
    for (const hint of hints) lines.push(`  - hint: ${text(hint)}`)
    if (tail !== undefined && tail.trim() !== '') lines.push('', block(tail, 2), '')
    return lines
  })
}

function sawLines({ title, expression, values = {}, at, defined_at }: Asked): string[] {
  const lines = [`  - check: ${text(title)}`]
  if (expression !== undefined) lines.push(`  - expected: ${code(expression)}`)
  const saw = valuesText(values)
  if (saw !== '') lines.push(`  - saw: ${saw}`)
  if (at !== undefined) lines.push(`  - at: ${code(at)}`)
  if (defined_at !== undefined) lines.push(`  - defined at: ${code(defined_at)}`)
  return lines
}

function rollback({ rollbacks, steps: all }: Report): string[] {
  if (rollbacks.length === 0) return []
  const undone = all.filter(({ status }) => status === 'undone')
  const failed = all.filter(({ status }) => status === 'undo_failed')
  return [
    ...rollbacks.map(({ at, why, automatic, what }) => {
      return `- ${when(at)}: ${text(what)}, ${automatic ? 'by itself, because ' : ''}${text(why)}`
    }),
    '',
    ...table(
      ['Undone', 'Took', 'Proven by'],
      undone.map(({ id, undo }) => [
        code(id),
        took(undo?.duration_ms ?? null),
        undo?.covered_by === null || undo === null
          ? (undo?.checks ?? []).map((asked) => text(askedText(asked))).join('; ')
          : `the last resort of ${code(undo.covered_by)}`,
      ]),
    ),
    ...failed.map(({ id }) => `- **not undone**: ${code(id)}`),
  ]
}

function deviations({ deviations: all }: Report): string[] {
  return all.map(({ at, step, text: what }) => {
    const time = at === undefined ? '' : `${when(at)} `
    return `- ${time}${step === undefined ? '' : `${code(step)} `}${text(what)}`
  })
}

function answers({ answers: all }: Report): string[] {
  return all.flatMap(({ at, step, role, ask, by, yes, note, confirmed, assumed, counts }) => {
    const what = ask === null ? 'approved' : `${text(ask)} ${yes ? 'yes' : 'no'}`
    const more = [assumed ? 'assumed' : '', counts ? '' : 'counts no more'].filter((w) => w !== '')
    const marks = more.length === 0 ? '' : ` (${more.join(', ')})`
    const why = note === '' ? '' : `: ${text(note)}`
    return [
      `- ${when(at)} ${code(step)} **${text(role)}**: ${what}, by ${text(by)}${marks}${why}`,
      ...confirmed.map((item) => `  - confirmed: ${text(item)}`),
    ]
  })
}

function next(report: Report): string[] {
  const ids = (status: StepStatus) =>
    report.steps.filter((step) => step.status === status).map(({ id }) => code(id))
  const left = ids('pending')
  const going = report.status !== 'succeeded' && report.rollbacks.length === 0
  return [
    ...report.next.map(({ command, why }) => `- ${code(command)}: ${text(why)}`),
    ...ids('undo_failed').map((id) => `- ${id} is not undone, and its undo failed`),
    ...(left.length > 0 && going
      ? [
          `- not begun: ${plural(left.length, 'step')}: ${left.slice(0, 20).join(', ')}${left.length > 20 ? ' …' : ''}`,
        ]
      : []),
  ]
}

function contacts({ contacts: all }: Report): string[] {
  return all.map(({ role, reach }) => `- ${text(role)}: ${text(reach)}`)
}
