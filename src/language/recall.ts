/**
 * A runbook that was found sound is remembered with everything it was read from, in the user's cache.
 * It is taken from there only while every byte of that is the same, in this folder or in another clone,
 * so that a plan of an unchanged runbook starts without a parser. What is not sound is never remembered.
 */
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { basename, join } from 'node:path'
import { sha256 } from '../core/plan.ts'
import type { Problem } from '../core/problems.ts'
import type { Runbook } from '../core/runbook.ts'
import { privateFolder, readPrivate, replacePrivate } from '../lib/private-files.ts'
import type { Found } from './find.ts'
import { SHIPPED, shippedChecks } from './shipped.ts'

interface Sound {
  runbook: Runbook
  /** Warnings. */
  problems: Problem[]
}

interface Remembered extends Sound {
  /** Bash has read its scripts too. */
  judged: boolean
}

/** Names the code that read it: a chunk's name holds the hash of all that it is made of. */
const READER = basename(import.meta.filename)

const KEPT_MS = 30 * 24 * 60 * 60 * 1000

/**
 * The runbook as it was read last time, when nothing that it was read from has changed. `alone`: also one
 * whose scripts bash has not read.
 */
export function recall(found: Found, alone: boolean): Sound | undefined {
  try {
    const text = readPrivate(placeOf(found))
    if (text === undefined) return undefined
    const known = JSON.parse(text.toString('utf8')) as Remembered
    const enough = alone || known.judged
    return enough && unchanged(found.root, known.runbook.files) ? known : undefined
  } catch {
    // A cache that cannot be used is one that is not there.
    return undefined
  }
}

/** Remembers a sound runbook. Where there is no place for it, it is read anew each time. */
export function remember(found: Found, { runbook, problems }: Sound, judged: boolean): void {
  // Unbundled the name says nothing of the code.
  if (READER.endsWith('.ts')) return
  const remembered: Remembered = { judged, runbook, problems }
  try {
    privateFolder(cacheFolder())
    replacePrivate(placeOf(found), JSON.stringify(remembered))
    forgetOld()
  } catch {
    return
  }
}

/** Removes what was remembered long ago: it has most likely changed since, and is read anew if not. */
function forgetOld(): void {
  for (const name of readdirSync(cacheFolder())) {
    const path = join(cacheFolder(), name)
    // Another command may have removed it meanwhile.
    const at = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Infinity
    if (at < Date.now() - KEPT_MS) rmSync(path, { recursive: true, force: true })
  }
}

function unchanged(root: string, files: Record<string, string>): boolean {
  return Object.entries(files).every(([key, content]) => {
    if (!key.startsWith(SHIPPED)) return readFileSync(join(root, key), 'utf8') === content
    const name = key.slice(SHIPPED.length)
    // A check of the project's own comes before the shipped one of its name.
    const own = join(root, 'checks', name)
    const shadowed =
      own !== join(shippedChecks(), name) &&
      [own, own.replace(/\.yaml$/, '.yml')].some((path) => existsSync(path))
    return !shadowed && readFileSync(join(shippedChecks(), name), 'utf8') === content
  })
}

function cacheFolder(): string {
  const { XDG_CACHE_HOME } = process.env
  return join(
    XDG_CACHE_HOME === undefined || XDG_CACHE_HOME === ''
      ? join(homedir(), '.cache')
      : XDG_CACHE_HOME,
    'runbook',
    'read',
  )
}

/** By what was read and who read it, wherever it lies. */
function placeOf({ file, path }: Found): string {
  const key = [READER, file, readFileSync(path, 'latin1')].join('\0')
  return join(cacheFolder(), `${sha256(key)}.json`)
}
