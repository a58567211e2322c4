/** Files that a person names: a report, a plan. */
import { closeSync, fchmodSync, fstatSync, openSync, writeFileSync } from 'node:fs'
import { EXIT, failure } from '../core/errors.ts'

interface How {
  /** What is there stays, and this comes after it. */
  add?: boolean
  /** For the owner only, also where there is a file already. */
  secret?: boolean
}

/** Writes such a file. Throws exit 2 when that cannot be. */
export function writeOut(path: string, text: string, { add, secret }: How = {}): void {
  try {
    const fd = openSync(path, add === true ? 'a' : 'w', secret === true ? 0o600 : 0o666)
    try {
      // What is no file, such as /dev/null, is everybody's.
      if (secret === true && fstatSync(fd).isFile()) fchmodSync(fd, 0o600)
      writeFileSync(fd, text)
    } finally {
      closeSync(fd)
    }
  } catch (cause) {
    const { code = 'unknown' } = cause as NodeJS.ErrnoException
    throw failure(EXIT.usage, `${path} cannot be written: ${code}`, { cause })
  }
}
