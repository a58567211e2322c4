// JSON lines. A line is built from named fields only; no request body, header or
// query ever reaches it. A field whose name tells of a secret is not written.
import { appendFileSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'

const LEVELS = ['debug', 'info', 'warn', 'error'] as const
export type Level = (typeof LEVELS)[number]
export type Log = (
  level: Level,
  message: string,
  fields?: Readonly<Record<string, string | number | boolean | null>>,
) => void

const SECRET = /passw|secret|token|authori[sz]ation|cookie|credential|api.?key|private/i

export interface LogOptions {
  /** Lines below it are left out; `info` when left out. */
  level?: Level
  now?: () => Date
}

/** @param file where the lines go; standard output when undefined */
export function openLog(file: string | undefined, options: LogOptions = {}): Log {
  const { level: least = 'info', now = () => new Date() } = options
  if (file !== undefined) mkdirSync(dirname(file), { recursive: true })
  return (level, message, fields = {}) => {
    if (LEVELS.indexOf(level) < LEVELS.indexOf(least)) return
    const kept = Object.entries(fields).map(([name, value]) => [
      name,
      SECRET.test(name) ? '[redacted]' : value,
    ])
    const said = { time: now().toISOString(), level, message }
    const line = JSON.stringify({ ...said, ...Object.fromEntries(kept) }) + '\n'
    if (file === undefined) process.stdout.write(line)
    else appendFileSync(file, line)
  }
}
