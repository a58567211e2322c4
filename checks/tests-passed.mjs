// Counts and coverage out of the output of a test runner.
import { readFileSync } from 'node:fs'

/** @param {string} text @param {RegExp} pattern */
const last = (text, pattern) => [...text.matchAll(pattern)].at(-1)

/** @param {string} line @param {string} word */
const of = (line, word) => Number(new RegExp(`(\\d+) ${word}`).exec(line)?.[1] ?? 0)

// A monorepo's runner puts the package before each line: "@hotel/api:test: Tests: …", "apps/api test: Tests: …".
const PACKAGE = String.raw`^(?:[@\w./-]+(?::[\w:-]+:| [\w:-]+:) ?)?\s*`

/** Each runner by the line in which it sums up; undefined when there is none. @type {((text: string) => { passed: number, failed: number } | undefined)[]} */
const RUNNERS = [
  // Node: "# pass 26" or "ℹ pass 26", and the same for fail.
  (text) => {
    const pass = last(text, /^[#ℹ] pass (\d+)$/gm)
    const fail = last(text, /^[#ℹ] fail (\d+)$/gm)
    const cancelled = last(text, /^[#ℹ] cancelled (\d+)$/gm)
    if (!pass || !fail) return undefined
    return { passed: Number(pass[1]), failed: Number(fail[1]) + Number(cancelled?.[1] ?? 0) }
  },
  // vitest: "Tests  1 failed | 25 passed (26)"; jest: "Tests:  1 failed, 25 passed, 26 total". A file that
  // could not be loaded is no failed test for them, only a failed file.
  (text) => {
    const line = last(text, new RegExp(`${PACKAGE}Tests:?\\s+(.*\\d+ (?:passed|failed).*)$`, 'gm'))
    const files = last(
      text,
      new RegExp(`${PACKAGE}Test (?:Files|Suites):?\\s+(.*\\d+ (?:passed|failed).*)$`, 'gm'),
    )
    if (line?.[1] === undefined) return undefined
    const failed = of(line[1], 'failed')
    return {
      passed: of(line[1], 'passed'),
      failed: failed > 0 ? failed : of(files?.[1] ?? '', 'failed'),
    }
  },
  // pytest: "=== 1 failed, 25 passed, 2 errors in 0.12s ===", also without the signs.
  (text) => {
    const line = last(
      text,
      new RegExp(`${PACKAGE}=*\\s*((?:\\d+ \\w+, )*\\d+ \\w+) in [\\d.]+s\\b.*$`, 'gm'),
    )?.[1]
    if (line === undefined || !/passed|failed|error/.test(line)) return undefined
    return { passed: of(line, 'passed'), failed: of(line, 'failed') + of(line, 'error') }
  },
]

/** Percent of lines, where the output has it. @param {string} text */
function coverageOf(text) {
  // Node: "all files | 98.9 | …" is lines first; istanbul: "All files | % statements | % branch | % functions | % lines".
  const found =
    last(text, /all files\s*\|\s*([\d.]+)/g) ??
    last(text, /All files\s*\|\s*[\d.]+\s*\|\s*[\d.]+\s*\|\s*[\d.]+\s*\|\s*([\d.]+)/g) ??
    // pytest-cov: "TOTAL   120   6   95%"; with branches there are two columns more.
    last(text, /^TOTAL(?:\s+\d+){2,4}\s+([\d.]+)%/gm)
  return found?.[1] === undefined ? undefined : Number(found[1])
}

/** @param {{ output: string, file: string, at_least: number, coverage: number }} args */
function judge({ output, file, at_least, coverage: coverage_at_least }) {
  // Colours would stand between the words.
  const text = (file ? readFileSync(file, 'utf8') : output).replace(/\u001b\[[0-9;]*m/g, '')
  const counts = RUNNERS.map((runner) => runner(text)).find((found) => found !== undefined)
  if (counts === undefined) throw new Error('no counts of tests in the output')
  const coverage = coverageOf(text)
  if (coverage_at_least > 0 && coverage === undefined) throw new Error('no coverage in the output')
  return { ...counts, at_least, coverage: coverage ?? 0, coverage_at_least }
}

/** @param {{ output: string, file: string, at_least: number, coverage: number }} args */
export default async (args) => {
  try {
    return judge(args)
  } catch (error) {
    return { cannot_tell: error instanceof Error ? error.message : String(error) }
  }
}
