// Reads logs: errors since a time, and whether lines are made for machines. At most the last 8 MiB are read.
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

// From the lowest up; pino numbers them 10 to 60.
const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal']

/** The rank of a level; -1 when it is none. @param {unknown} level */
function rankOf(level) {
  if (typeof level === 'number') return level % 10 === 0 ? level / 10 - 1 : -1
  const word = String(level).toLowerCase()
  const same = { verbose: 'debug', log: 'info', notice: 'info', warning: 'warn', critical: 'fatal' }
  return LEVELS.indexOf(/** @type {Record<string, string>} */ (same)[word] ?? word)
}

const SECRET =
  /^(password|passwd|secret|token|authorization|cookie|set-cookie|api_?key|access_?token|refresh_?token)$/i
/** What stands where a secret was. */
const HIDDEN = /^(\W*(redacted|hidden|masked|filtered|removed|censored)\W*|\*+|)$/i

/** Paths of keys whose name promises a secret and that have a text in the open. @param {unknown} value @param {string} path @returns {string[]} */
function open(value, path = '') {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, inner]) => {
    const at = path === '' ? key : `${path}.${key}`
    const shown = SECRET.test(key) && typeof inner === 'string' && !HIDDEN.test(inner)
    return shown ? [at] : open(inner, at)
  })
}

/** @param {string} line @returns {Record<string, unknown> | undefined} */
function entryOf(line) {
  try {
    /** @type {unknown} */
    const value = JSON.parse(line)
    const object = typeof value === 'object' && value !== null && !Array.isArray(value)
    return object ? /** @type {Record<string, unknown>} */ (value) : undefined
  } catch {
    return undefined
  }
}

/** @param {{ file: string, lines: number, keys: string, lowest: string }} args */
function structure({ file, lines, keys, lowest }) {
  const last = tail(file)
    .filter((line) => line.trim() !== '')
    .slice(-lines)
  if (last.length === 0) throw new Error('the log is empty')
  const wanted = keys.split(/\s+/).filter((key) => key !== '')
  const entries = last.map(entryOf).filter((entry) => entry !== undefined)
  const missing = entries.flatMap((entry) => {
    const time = entry['time'] ?? entry['timestamp'] ?? entry['@timestamp']
    const message = entry['msg'] ?? entry['message']
    return [
      ...(Number.isNaN(timeOf(/** @type {string | number} */ (time ?? ''))) ? ['time'] : []),
      ...(typeof message === 'string' ? [] : ['message']),
      ...(rankOf(entry['level'] ?? entry['severity']) < 0 ? ['level'] : []),
      ...wanted.filter((key) => !Object.hasOwn(entry, key)),
    ]
  })
  const least = LEVELS.indexOf(lowest)
  return {
    lines: last.length,
    others: last.length - entries.length,
    missing: [...new Set(missing)],
    too_low: entries.filter((entry) => rankOf(entry['level'] ?? entry['severity']) < least).length,
    secrets: [...new Set(entries.flatMap((entry) => open(entry)))],
  }
}

const QUESTIONS = { errors: count, structure }

/** @param {{ do: keyof typeof QUESTIONS, file: string, since: string, lines: number, keys: string, lowest: string }} args */
export default async (args) => {
  try {
    return QUESTIONS[args.do](args)
  } catch (error) {
    return { cannot_tell: error instanceof Error ? error.message : String(error) }
  }
}
