/** What an attempt leaves in its folder, without the secrets in it, once nobody needs it as it was. */
import { closeSync, constants, openSync, readdirSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'

/** The others hold nothing that was not in the runbook: the script, the receipt. */
const FILES = new Set(['out', 'err', 'arguments.json', 'result.json', 'result.json.tmp'])

/** Masks the files of every attempt in a step's folder. What holds no secret is not written. */
export function scrubAttempts(folder: string, mask: (text: string) => string): void {
  for (const attempt of namesIn(folder)) scrubAttempt(join(folder, attempt), mask)
}

/** The same for one attempt. */
export function scrubAttempt(folder: string, mask: (text: string) => string): void {
  for (const name of namesIn(folder)) if (FILES.has(name)) rewrite(join(folder, name), mask)
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

/** In its place: a process that was allowed to stay may still append to it. */
function rewrite(path: string, mask: (text: string) => string): void {
  const text = readFileSync(path, 'utf8')
  if (text === '') return
  const masked = mask(text)
  if (masked === text) return
  const fd = openSync(path, constants.O_WRONLY | constants.O_TRUNC | constants.O_NOFOLLOW)
  try {
    writeSync(fd, masked)
  } catch {
    // The disk is full: the log is lost, which harms less than the secret in it.
  } finally {
    closeSync(fd)
  }
}
