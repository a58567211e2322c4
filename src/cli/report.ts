import { outlet } from '../lib/outlet.ts'
import { jsonText } from '../views/json.ts'
import { junitXml } from '../views/junit.ts'
import { reportOf } from '../views/report-data.ts'
import { reportMarkdown } from '../views/report-markdown.ts'
import type { Command } from 'commander'
import { examples } from './flags.ts'
import { readingFlags, readRun, runArgument, type ReadingFlags } from './reading.ts'
import { writeOut } from './write-out.ts'

interface Flags extends ReadingFlags {
  summary?: boolean
  junit?: string
  out?: string
}

/** More than this GitHub does not take of one step. */
const MOST_SUMMARY_BYTES = 1024 * 1024

export function define(command: Command): void {
  runArgument(command)
    .option('--out <file>', 'write the report there instead of printing it')
    .option(
      '--summary',
      "in a job of GitHub Actions: add it to the job's page, the file that GITHUB_STEP_SUMMARY names; elsewhere it is printed as without this",
    )
    .option('--junit <file>', 'write the steps as JUnit XML there, besides')
  readingFlags(command)
  examples(
    command,
    'runbook report',
    'runbook report qr-login --env prod --out report.md',
    'runbook report 20261121-063012-4f1c --summary --junit steps.xml',
    'runbook report -o json | jq .phases',
  )
  command.action((ref: string | undefined, flags: Flags) =>
    readRun(ref, flags, async ({ plan, state }, { store }) => {
      const report = reportOf(plan, state, await store.events(state.run))
      const whole = flags.output === 'json' ? `${jsonText(report, 2)}\n` : reportMarkdown(report)
      if (flags.junit !== undefined) writeOut(flags.junit, junitXml(report))
      if (flags.out !== undefined) writeOut(flags.out, whole)
      const summed =
        flags.summary === true &&
        summarise(reportMarkdown(report), () => reportMarkdown(report, false))
      if (flags.out === undefined && !summed) outlet(process.stdout).write(whole)
    }),
  )
}

/** Adds it to the summary of the CI job; false, and a hint, when this is none. */
function summarise(whole: string, brief: () => string): boolean {
  const file = process.env.GITHUB_STEP_SUMMARY
  if (file === undefined || file === '') {
    process.stderr.write(
      "--summary is for a job of GitHub Actions, where GITHUB_STEP_SUMMARY names the file of the job's page; it is not set here, so the report goes where it goes without --summary. To a file: --out report.md\n",
    )
    return false
  }
  const fits = Buffer.byteLength(whole) < MOST_SUMMARY_BYTES
  writeOut(file, `${fits ? whole : brief()}\n`, { add: true })
  return true
}
