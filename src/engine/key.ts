/** The key that seals secret outputs and fingerprints secrets, and the folder it lies in. */
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { EXIT, failure } from '../core/errors.ts'
import { onDisk } from '../lib/disk.ts'
import { createPrivate, privateFolder, readPrivate } from '../lib/private-files.ts'

const BYTES = 32

/** Where the root's `.runbook` is, or will be. */
export const statePlace = (root: string) => join(root, '.runbook')

/** The root's `.runbook`, made when there is none: nobody else may enter, and git does not see it. */
export function stateFolder(root: string): string {
  const place = statePlace(root)
  return onDisk(place, () => {
    const folder = privateFolder(place)
    const ignore = join(folder, '.gitignore')
    if (!existsSync(ignore)) createPrivate(ignore, '*\n')
    return folder
  })
}

/** RUNBOOK_KEY, else `.runbook/key`, which is made on first need. Throws exit 9 when it cannot be trusted. */
export function loadKey(root: string, env: NodeJS.ProcessEnv = process.env): Buffer {
  return findKey(root, env) ?? createKey(join(stateFolder(root), 'key'))
}

/** The same, without making one. */
export function findKey(root: string, env: NodeJS.ProcessEnv = process.env): Buffer | undefined {
  if (env.RUNBOOK_KEY !== undefined && env.RUNBOOK_KEY !== '') return decoded(env.RUNBOOK_KEY)
  const path = join(statePlace(root), 'key')
  const text = readPrivate(path)
  return text === undefined ? undefined : checked(text, path)
}

function createKey(path: string): Buffer {
  const text = createPrivate(path, `${randomBytes(BYTES).toString('hex')}\n`)
  return checked(text, path)
}

function checked(text: Buffer, path: string): Buffer {
  const trimmed = text.toString('latin1').trim()
  if (/^[0-9a-f]{64}$/.test(trimmed)) return Buffer.from(trimmed, 'hex')
  throw failure(EXIT.refused, `${path} is not a key`, {
    hint: 'bring it back from a backup; without it sealed values are lost, and removing it makes a new one',
  })
}

function decoded(text: string): Buffer {
  const trimmed = text.trim()
  if (/^[0-9a-f]{64}$/i.test(trimmed)) return Buffer.from(trimmed, 'hex')
  const key = Buffer.from(trimmed, 'base64')
  if (/^[\w+/-]+=*$/.test(trimmed) && key.length === BYTES) return key
  // The value is not shown: it is a key, if a damaged one.
  throw failure(EXIT.refused, 'RUNBOOK_KEY is no key: 32 bytes in hex or base64 are wanted', {
    hint: 'make one: openssl rand -hex 32',
  })
}

/** Where something is kept for one environment of one runbook; the folder itself is not made. */
export function environmentFolder(
  root: string,
  what: string,
  runbook: string,
  environment: string,
): string {
  // Names of the schema are plain already; a plan from elsewhere does not lead out of the folder either.
  const plain = (name: string) => encodeURIComponent(name).replace(/^\./, '%2E')
  return join(stateFolder(root), what, plain(runbook), plain(environment))
}
