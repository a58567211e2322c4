/** A run as JUnit XML, which every CI system reads: a suite a phase, a case a step. */
import { describeAsked } from '../core/asked.ts'
import { clean } from '../lib/clean.ts'
import { PLAIN } from '../lib/terminal.ts'
import type { Report, ReportedStep } from './report-data.ts'
import { failureWords, statusWord } from './words.ts'

/** XML 1.0, whatever signs are in the texts of steps and of their output. */
export function junitXml(report: Report): string {
  const suites = [...report.phases, { id: 'finally', title: 'Finally' }]
    .map(({ id, title }) => ({ id, title, own: report.steps.filter(({ phase }) => phase === id) }))
    .filter(({ own }) => own.length > 0)
  const name = `${report.runbook} ${report.version} in ${report.environment}`
  const lines = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites${attributes({ name, ...totals(report.steps) })}>`,
    ...suites.flatMap(({ id, title, own }) => suite(report, id, title, own)),
    '</testsuites>',
  ]
  return `${lines.join('\n')}\n`
}

function suite(report: Report, id: string, title: string, own: readonly ReportedStep[]): string[] {
  const timestamp = own.find(({ begun_at }) => begun_at !== null)?.begun_at ?? report.begun_at
  const stamp = timestamp.replace(/\.\d+Z$/, 'Z')
  return [
    `  <testsuite${attributes({ name: title, id, hostname: report.host, timestamp: stamp, ...totals(own) })}>`,
    '    <properties>',
    `      <property${attributes({ name: 'run', value: report.run })}/>`,
    `      <property${attributes({ name: 'plan', value: report.plan_sha256 })}/>`,
    '    </properties>',
    ...own.flatMap((step) => testcase(report, step)),
    '  </testsuite>',
  ]
}

type End = 'passed' | 'failure' | 'error' | 'skipped'

function endOf({ status, failure }: ReportedStep): End {
  switch (status) {
    case 'done':
    case 'satisfied':
      return 'passed'
    case 'undone':
      // What was undone because it failed has failed; what went along with it had passed.
      return failure === null ? 'passed' : 'failure'
    case 'failed':
    case 'undo_failed':
      return 'failure'
    case 'in_doubt':
      return 'error'
    case 'pending':
    case 'running':
    case 'waiting':
    case 'skipped':
      return 'skipped'
  }
}

function totals(steps: readonly ReportedStep[]): Record<string, string> {
  const count = (end: End) => String(steps.filter((step) => endOf(step) === end).length)
  const ms = steps.reduce((sum, { duration_ms }) => sum + (duration_ms ?? 0), 0)
  return {
    tests: String(steps.length),
    failures: count('failure'),
    errors: count('error'),
    skipped: count('skipped'),
    time: seconds(ms),
  }
}

const seconds = (ms: number) => (ms / 1000).toFixed(3)

function testcase(report: Report, step: ReportedStep): string[] {
  const { id, title, duration_ms, failure, status } = step
  const name = title === id ? id : `${id}: ${title}`
  const classname = `${report.runbook}.${step.phase}`
  const head = `    <testcase${attributes({ name, classname, time: seconds(duration_ms ?? 0) })}`
  const inner = endOf(step)
  if (inner === 'passed' && status !== 'undone') return [`${head}/>`]
  const body: string[] = []
  const reason = step.reason ?? statusWord(status)
  if (inner === 'passed') body.push('      <system-out>undone afterwards</system-out>')
  else if (inner === 'skipped') body.push(`      <skipped${attributes({ message: reason })}/>`)
  else if (failure === null) body.push(`      <${inner}${attributes({ message: reason })}/>`)
  else {
    const message = failureWords(failure)
    const said = [
      failure.asked === undefined ? '' : describeAsked(failure.asked),
      failure.tail ?? '',
    ]
    const type = failure.reason
    const text = said.filter((part) => part !== '').join('\n')
    body.push(`      <${inner}${attributes({ message, type })}>${escape(text)}</${inner}>`)
  }
  return [`${head}>`, ...body, '    </testcase>']
}

function attributes(given: Record<string, string>): string {
  return Object.entries(given)
    .map(([name, value]) => ` ${name}="${escape(value).replaceAll('\n', '&#10;')}"`)
    .join('')
}

/** What XML may not hold at all is made visible first. */
function escape(text: string): string {
  return clean(text, { ...PLAIN, ci: true })
    .replaceAll(/[\ufffe\uffff]/g, '\ufffd')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}
