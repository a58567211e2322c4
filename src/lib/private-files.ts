/** Files and folders that only their owner may see: made with their mode, read with suspicion. */
import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { EXIT, failure } from '../core/errors.ts'

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants

/**
 * The content of a file that nobody else can read; undefined when there is none. A link, a pipe, a
 * file of somebody else's or one that others can read is refused with exit 9.
 */
export function readPrivate(path: string): Buffer | undefined {
  let fd: number
  try {
    // Without O_NONBLOCK a planted pipe would stop us for ever.
    fd = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    if (codeOf(error) === 'ELOOP') throw refused(path, 'is a symbolic link', 'remove the link')
    throw error
  }
  try {
    const { mode, uid } = fstatSync(fd)
    if ((mode & constants.S_IFMT) !== constants.S_IFREG) {
      throw refused(path, 'is not a plain file', 'remove it')
    }
    if (!isOurs(uid)) throw refused(path, 'belongs to somebody else', 'run as its owner')
    if ((mode & 0o077) !== 0) {
      throw refused(
        path,
        'can be read by others',
        `what it held may be known; if not: chmod 600 ${path}`,
      )
    }
    return readFileSync(fd)
  } finally {
    closeSync(fd)
  }
}

/**
 * Makes a private file with this content, durable on return. When there is one already its content
 * is given back instead: of several processes that make it at once, all get the same.
 */
export function createPrivate(path: string, content: string | Buffer): Buffer {
  const temporary = writeBeside(path, content)
  try {
    // A link appears whole or not at all, and never replaces anything.
    linkSync(temporary, path)
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
  } finally {
    unlinkSync(temporary)
  }
  syncFolder(dirname(path))
  return readPrivate(path) ?? Buffer.from(content)
}

/** Makes or replaces a private file in one piece. */
export function replacePrivate(path: string, content: string | Buffer): void {
  renameSync(writeBeside(path, content), path)
  syncFolder(dirname(path))
}

function writeBeside(path: string, content: string | Buffer): string {
  const temporary = join(dirname(path), `.new-${randomBytes(6).toString('hex')}`)
  const fd = openSync(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
  try {
    fchmodSync(fd, 0o600) // whatever the umask
    writeFileSync(fd, content)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  return temporary
}

function syncFolder(path: string): void {
  const fd = openSync(path, O_RDONLY)
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

/** Makes a folder, with those above it, that only its owner may enter; refuses one that others can write to. */
export function privateFolder(path: string): string {
  mkdirSync(path, { recursive: true, mode: 0o700 })
  const { mode, uid } = lstatSync(path)
  if ((mode & constants.S_IFMT) !== constants.S_IFDIR) {
    throw refused(path, 'is not a folder', 'remove it')
  }
  if (!isOurs(uid)) throw refused(path, 'belongs to somebody else', 'run as its owner')
  if ((mode & 0o022) !== 0) {
    throw refused(
      path,
      'can be written to by others',
      `look what lies in it, then: chmod 700 ${path}`,
    )
  }
  if ((mode & 0o777) !== 0o700) chmodSync(path, 0o700)
  return path
}

function isOurs(uid: number): boolean {
  return process.geteuid === undefined || uid === process.geteuid()
}

function refused(path: string, what: string, hint: string): Error {
  return failure(EXIT.refused, `${path} ${what}`, { hint })
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code
}
