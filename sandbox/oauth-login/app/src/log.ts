// Lines as Python's logging prints them:
//   2025-09-01 08:00:00,000 INFO app.auth: OAuth callback google success
// No header, query or body reaches it, only named fields; one that tells of a secret is not shown.
import { appendFileSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Log } from '../../../shared/kit/log.ts'

const LEVELS = { debug: 'DEBUG', info: 'INFO', warn: 'WARNING', error: 'ERROR' } as const
const SECRET = /passw|secret|token|authori[sz]ation|cookie|credential|code|private/i

/** As `%(asctime)s` has it: local time. */
function timeIn(at: Date): string {
  const local = new Date(at.getTime() - at.getTimezoneOffset() * 60_000)
  return local.toISOString().replace('T', ' ').replace('.', ',').replace('Z', '')
}

export type Logger = (name: string) => Log

/**
 * @param file where the lines go; standard output when undefined
 * @returns makes the log of a part, as in `app.auth`
 */
export function openLogger(file: string | undefined, now: () => Date = () => new Date()): Logger {
  if (file !== undefined) mkdirSync(dirname(file), { recursive: true })
  return (name) =>
    (level, message, fields = {}) => {
      const more = Object.entries(fields).map(
        ([key, value]) => ` ${key}=${SECRET.test(key) ? '[redacted]' : JSON.stringify(value)}`,
      )
      const time = timeIn(now())
      // One event, one line, whatever a message holds.
      const said = `${message}${more.join('')}`.replace(/\s*\n\s*/g, ' ')
      const line = `${time} ${LEVELS[level]} ${name}: ${said}\n`
      if (file === undefined) process.stdout.write(line)
      else appendFileSync(file, line)
    }
}
