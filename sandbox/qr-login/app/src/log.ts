// JSON lines. A line is built from named fields only; no request body, header
// or query ever reaches it, so no token or password can.
import { appendFileSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'

export type Level = 'info' | 'warn' | 'error'
export type Log = (
  level: Level,
  message: string,
  fields?: Record<string, string | number | boolean>,
) => void

export function openLog(file: string | undefined, now: () => Date = () => new Date()): Log {
  if (file !== undefined) mkdirSync(dirname(file), { recursive: true })
  return (level, message, fields = {}) => {
    const line = JSON.stringify({ time: now().toISOString(), level, message, ...fields }) + '\n'
    if (file === undefined) process.stdout.write(line)
    else appendFileSync(file, line)
  }
}
