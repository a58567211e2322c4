// Errors of a log since a time. At most the last 8 MiB are read.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'

const MOST = 8 * 1024 * 1024

/** @param {string} file */
function tail(file) {
  const fd = openSync(file, 'r')
  try {
    const { size } = fstatSync(fd)
    const buffer = Buffer.alloc(Math.min(size, MOST))
    readSync(fd, buffer, 0, buffer.length, size - buffer.length)
    const lines = buffer.toString('utf8').split('\n')
    // The first line of a cut text is half a line.
    return size > MOST ? lines.slice(1) : lines
  } finally {
    closeSync(fd)
  }
}

/**
 * pino writes milliseconds, others a text.
 * @param {string | number} time
 */
const timeOf = (time) => (typeof time === 'number' ? time : Date.parse(time))

/** @param {string} line */
function read(line) {
  try {
    /** @type {unknown} */
    const parsed = JSON.parse(line)
    const entry = /** @type {Record<string, string | number | undefined>} */ (parsed)
    const level = String(entry['level'] ?? entry['severity'] ?? '').toLowerCase()
    // pino writes numbers: 50 is error.
    const bad =
      ['error', 'fatal', 'critical', 'alert', 'emergency'].includes(level) || Number(level) >= 50
    return {
      at: timeOf(entry['time'] ?? entry['timestamp'] ?? entry['@timestamp'] ?? ''),
      bad,
      says: String(entry['message'] ?? entry['msg'] ?? ''),
    }
  } catch {
    const [found = ''] =
      /\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?/.exec(line) ?? []
    return {
      at: Date.parse(found.replace(',', '.')),
      bad: /\b(ERROR|FATAL|CRITICAL|Unhandled|Uncaught)\b/.test(line),
      says: line,
    }
  }
}

/** @param {{ file: string, since: string }} args */
function count({ file, since }) {
  const from = Date.parse(since)
  if (Number.isNaN(from)) throw new Error(`not a time: ${since}`)
  let counted = false
  let lines = 0
  /** @type {string[]} */
  const found = []
  for (const line of tail(file)) {
    if (line.trim() === '') continue
    const { at, bad, says } = read(line)
    // A line without a time of its own (a stack trace) belongs to the one before it.
    if (!Number.isNaN(at)) counted = at >= from
    if (!counted) continue
    lines++
    if (bad) found.push(says.slice(0, 200))
  }
  return { lines, errors: found.length, samples: found.slice(0, 5) }
}

/** @param {{ file: string, since: string }} args */
export default async (args) => {
  try {
    return count(args)
  } catch (error) {
    return { cannot_tell: error instanceof Error ? error.message : String(error) }
  }
}
