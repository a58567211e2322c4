// Counts out of the output of a test runner.
import { readFileSync } from 'node:fs'

/** @param {string} text @param {RegExp} pattern */
const last = (text, pattern) => [...text.matchAll(pattern)].at(-1)

/** @param {string} text */
function counts(text) {
  // Node: "# pass 26" or "ℹ pass 26", and the same for fail.
  const pass = last(text, /^[#ℹ] pass (\d+)$/gm)
  const fail = last(text, /^[#ℹ] fail (\d+)$/gm)
  const cancelled = last(text, /^[#ℹ] cancelled (\d+)$/gm)
  if (pass && fail)
    return { passed: Number(pass[1]), failed: Number(fail[1]) + Number(cancelled?.[1] ?? 0) }
  // vitest: "Tests  1 failed | 25 passed (26)"; jest: "Tests:  1 failed, 25 passed, 26 total".
  const line = last(text, /^\s*Tests:?\s+(.*\d+ (?:passed|failed).*)$/gm)?.[1]
  if (line === undefined) throw new Error('no counts of tests in the output')
  /** @param {string} word */
  const of = (word) => Number(new RegExp(`(\\d+) ${word}`).exec(line)?.[1] ?? 0)
  return { passed: of('passed'), failed: of('failed') }
}

/** @param {{ output: string, file?: string, at_least: number, coverage: number }} args */
export default async ({ output, file, at_least, coverage }) => {
  // Colours would stand between the words.
  const text = (file ? readFileSync(file, 'utf8') : output).replace(/\u001b\[[0-9;]*m/g, '')
  // Node: "all files | 98.9 | …" is lines first; istanbul: "All files | % statements | % branch | % functions | % lines".
  const node = last(text, /all files\s*\|\s*([\d.]+)/g)
  const istanbul = last(
    text,
    /All files\s*\|\s*[\d.]+\s*\|\s*[\d.]+\s*\|\s*[\d.]+\s*\|\s*([\d.]+)/g,
  )
  const wanted = Number(coverage)
  const found = node ?? istanbul
  if (wanted > 0 && found === undefined) throw new Error('no coverage in the output')
  return {
    ...counts(text),
    at_least: Number(at_least),
    coverage: Number(found?.[1] ?? 0),
    coverage_at_least: wanted,
  }
}
